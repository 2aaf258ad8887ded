import type { StopReason } from '../generation/stop-job.ts'
import type { ClaimedJob } from './job-run.ts'

/** What is left to do when the provider does not take the job's key. */
export function keyRejected({ provider, ownKey }: ClaimedJob): StopReason {
  const advice = ownKey
    ? 'Set one that works with setLlmKey, then call retryGenerationJob.'
    : 'It is the platform’s: tell its operator, or bring a key of your own with setLlmKey.'
  return { code: 'KEY_REJECTED', message: `The provider (${provider}) refuses the key. ${advice}` }
}

/** Never the platform's in its place: its owner would pay, and the texts go where they should not. */
export const keyDeleted: StopReason = {
  code: 'KEY_REJECTED',
  message: 'The key of this job was deleted. Set one with setLlmKey, then call retryGenerationJob.',
}
