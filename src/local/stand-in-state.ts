import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { StartupError } from '../lib/errors.ts'

const State = z.object({
  pid: z.int(),
  /** Loopback port on which the keeper counts its holders. */
  controlPort: z.int(),
  /** A holder shows it to prove that it has read this file. */
  token: z.string(),
  details: z.json(),
})

/** What a stand-in leaves in `<dataDir>/<name>.json`; it stays there, stale, when the process ends. */
export type StandInState = z.infer<typeof State>

export type Details = StandInState['details']

/** What `openStandIn` hands to the program it starts, as JSON in the only argument. */
export interface KeeperOrder {
  name: string
  dataDir: string
  settings: Details
}

/** What the program tells the process that started it; ready, it is reachable by the state file. */
export type KeeperNews = { ready: true } | { failed: readonly string[] }

/** What a holder is answered once it has shown the token and counts. */
export const welcome = 'holding'

/** The files of one stand-in in a data directory. */
export function standInFiles(dataDir: string, name: string) {
  const file = (ending: string) => join(dataDir, `${name}.${ending}`)
  return { state: file('json'), lock: file('lock'), log: file('log') }
}

/** Undefined when there is none, or none that can be read. */
export async function readState(file: string): Promise<StandInState | undefined> {
  try {
    return State.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch {
    return undefined
  }
}

/** Replaces the file at once, readable by this user only: the details hold passwords. */
export async function writeState(file: string, state: StandInState): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(state, undefined, 2), { mode: 0o600 })
  await rename(`${file}.new`, file)
}

const remedies: readonly [RegExp, string, string][] = [
  [/ENOSPC|EDQUOT|no space left|disk is full/i, 'the disk is full', 'Free some space'],
  [/EROFS|read-?only/i, 'it is read-only', 'Mount it for writing'],
  [/EACCES|EPERM|permission denied|unable to open/i, 'permission denied', 'Give it to this user'],
  [/ENOTDIR|EEXIST/, 'it is not a directory', 'Move that file away'],
]

/** Says what a failure means for the directory; a StartupError stays as it is. */
export function explainFailure(error: unknown, name: string, dataDir: string): StartupError {
  if (error instanceof StartupError) return error
  const text = error instanceof Error ? error.message : String(error)
  const [, meaning, remedy] = remedies.find(([pattern]) => pattern.test(text)) ?? []
  if (!meaning) return new StartupError([`The local ${name} did not start in ${dataDir}: ${text}`])
  return new StartupError([
    `The local ${name} cannot keep its data in ${dataDir}: ${meaning}.`,
    `${remedy}, or set DATA_DIR to another directory. (${text})`,
  ])
}
