import type { Command } from 'commander'
import { StartupError, UpstreamError } from '../lib/errors.ts'
import { type FailedRewrap, rotateKeys } from '../platform/vault/rotate-keys.ts'
import { openEnvironment, stopSignal } from './environment.ts'
import { showProgress } from './progress.ts'

export function addRotateKeys(program: Command): void {
  program
    .command('rotate-keys')
    .description('wrap every data key under the current master key')
    .addHelpText(
      'after',
      '\nWhile the API runs, and as often as you like; what was begun is finished by the next run.\nBefore it, every process must know the new master key: see MASTER_KEYS_FILE and KMS_KEY_NAME.\nExit status: 0 done, 1 some could not be rewrapped, 2 could not be done.',
    )
    .action(() => rotate().catch(couldNotRotate))
}

async function rotate(): Promise<void> {
  const signal = stopSignal()
  // What was done is the answer on stdout; the log must not come between.
  await using environment = await openEnvironment({ quiet: true })
  const { database, keyManager } = environment.services
  const steps = { done: 0, total: 0 }
  using progress = showProgress('data keys rewrapped', () => steps)
  const failed = await rotateKeys(
    { database, keyManager },
    {
      signal,
      onFound: (dataKeys) => void (steps.total += dataKeys),
      onRewrapped: () => void steps.done++,
    },
  )
  progress.print(
    `${steps.done} of ${steps.total} data keys rewrapped under ${keyManager.currentKey}`,
  )
  if (failed.length > 0) throw new StartupError(linesOf(failed))
  progress.print(
    signal.aborted
      ? 'Broken off: run it again for the rest.'
      : 'No data key needs another master key: once no process wraps with an old one, it may be removed.',
  )
}

const shown = 20

function linesOf(failed: readonly FailedRewrap[]): string[] {
  const lines = failed
    .slice(0, shown)
    .map(({ tenantId, reason }) => `tenantId=${tenantId}: ${reason}`)
  return [...lines, `${failed.length} data keys could not be rewrapped. Keep every master key.`]
}

function couldNotRotate(error: unknown): never {
  if (!(error instanceof UpstreamError)) throw error
  throw new StartupError([`Could not rotate keys: ${error.message}`], 2)
}
