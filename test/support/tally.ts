import type { Reporter } from 'vitest/node'

/** Ends the run with one plain line, e.g. `41 passed, 0 failed`, for people and programs alike. */
export class Tally implements Reporter {
  onTestRunEnd: NonNullable<Reporter['onTestRunEnd']> = (modules, unhandledErrors) => {
    const all = modules.map((module) => module.children)
    const tests = all.flatMap((children) => [...children.allTests()])
    const count = (state: string) => tests.filter((test) => test.result().state === state).length
    // A file that does not load or a hook that throws holds back tests: its silence is no success.
    const places = [...modules, ...all.flatMap((children) => [...children.allSuites()])]
    const broken = places.flatMap((place) => place.errors()).length + unhandledErrors.length
    const skipped = count('skipped')
    const line = `${count('passed')} passed, ${count('failed') + broken} failed`
    process.stdout.write(`\n${line}${skipped > 0 ? `, ${skipped} skipped` : ''}\n`)
  }
}
