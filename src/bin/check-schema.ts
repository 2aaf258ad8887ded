import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { buildSchema, findBreakingChanges } from 'graphql'
import { printSdl, sdlFiles } from '../app/sdl.ts'
import { type Audience, audiences } from '../graphql/contract.ts'

/** What git answers, or null where it knows no such thing. */
function git(...args: string[]): string | null {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return null
  }
}

/** Where this work left the published line; on that line itself, the commit before. */
function defaultBase(): string {
  const fork = git('merge-base', 'origin/main', 'HEAD')?.trim()
  return fork && fork !== git('rev-parse', 'HEAD')?.trim() ? fork : 'HEAD~1'
}

/** Why a contract may not leave the house as it is; empty when it may. */
function complaints(audience: Audience, base: string): string[] {
  const file = sdlFiles[audience]
  const current = readFileSync(file, 'utf8')
  if (current !== printSdl(audience)) {
    return [`${file} is not what the code serves: run \`npm run schema\`.`]
  }
  const former = git('show', `${base}:${file}`)
  if (former === null) {
    process.stdout.write(`${file}: nothing to compare, ${base} has none\n`)
    return []
  }
  // What was printed in former times used directives that it did not define.
  const read = (sdl: string) => buildSchema(sdl, { assumeValidSDL: true })
  const breaks = findBreakingChanges(read(former), read(current))
  process.stdout.write(`${file}: breaking changes since ${base}: ${breaks.length}\n`)
  const announced = /^\w+(\(.+\))?!:/m.test(git('log', '--format=%s', `${base}..HEAD`) ?? '')
  if (breaks.length === 0 || announced) return []
  const advice = 'Deprecate first; a commit that does break says so: `type(scope)!: …`.'
  return [...breaks.map(({ description }) => description), advice]
}

const [base = defaultBase()] = process.argv.slice(2)
const found = audiences.flatMap((audience) => complaints(audience, base))
if (found.length > 0) {
  process.stderr.write(`${found.join('\n')}\n`)
  process.exitCode = 1
}
