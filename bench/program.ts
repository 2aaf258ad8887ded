import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'

export interface ProgramOptions {
  /** File to run, with its arguments. */
  command: readonly string[]
  env: Readonly<Record<string, string>>
  /** For node itself, e.g. `--cpu-prof`. */
  nodeFlags?: readonly string[]
}

/** A server in a process of its own. */
export interface Program extends AsyncDisposable {
  /** Empty for one that serves nothing. */
  url: string
  /** Where its metrics are, when METRICS_PORT was given. */
  metricsUrl: string | undefined
  /** Processor time it has used so far, all threads; undefined where there is no /proc. */
  cpuMs(): Promise<number | undefined>
  /** Memory it holds resident now, in MB of 2²⁰ bytes; undefined where there is no /proc. */
  residentMb(): Promise<number | undefined>
}

const stopMs = 5_000

/** Flags for node that leave a CPU profile in this directory when the program stops; none without one. */
export function profileFlags(directory: string | undefined, name: string): string[] {
  if (directory === undefined) return []
  return ['--cpu-prof', `--cpu-prof-dir=${directory}`, `--cpu-prof-name=${name}.cpuprofile`]
}

/** Starts it; it is ready when it writes a line of JSON with its `url`, or with its `tasks`. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { command, env, nodeFlags = [] } = options
  const child = spawn(process.execPath, [...nodeFlags, ...command], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ready = await readReady(child)
  if (!ready) throw new Error(`${command.join(' ')} ended before it was ready`)
  return {
    ...ready,
    cpuMs: () => readCpuMs(child.pid ?? 0),
    residentMb: () => readResidentMb(child.pid ?? 0),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exit = once(child, 'exit')
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), stopMs)
      await exit
      clearTimeout(late)
    },
  }
}

async function readReady({
  stdout,
}: ChildProcess): Promise<Pick<Program, 'url' | 'metricsUrl'> | undefined> {
  if (!stdout) return undefined
  const lines = createInterface({ input: stdout })
  let metricsUrl: string | undefined
  for await (const line of lines) {
    const { url, tasks } = parseLine(line)
    if (typeof url === 'string' && url.endsWith('/metrics')) {
      metricsUrl = url
      continue
    }
    const isReady = typeof url === 'string' || tasks !== undefined
    if (!isReady) {
      process.stderr.write(`${line}\n`)
      continue
    }
    lines.close()
    stdout.resume()
    return { url: typeof url === 'string' ? url : '', metricsUrl }
  }
  return undefined
}

function parseLine(line: string): { url?: unknown; tasks?: unknown } {
  try {
    return JSON.parse(line) as { url?: unknown; tasks?: unknown }
  } catch {
    return {}
  }
}

/** `utime` and `stime` of proc(5), in ticks of 10 ms; the name before them may contain blanks. */
async function readCpuMs(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields && 10 * (Number(fields[11]) + Number(fields[12]))
}

/** `VmRSS` of proc(5), in kB. */
async function readResidentMb(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined)
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(status ?? '') ?? []
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1_024
}

/** Runs a command until it ends; throws, with what it wrote, unless its exit status is 0. */
export async function runToEnd(
  { command, env }: ProgramOptions,
  signal: AbortSignal,
): Promise<void> {
  const child = spawn(process.execPath, command, {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    signal,
  })
  const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}:\n${output}`)
}
