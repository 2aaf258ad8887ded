import { defineTask } from '../../platform/tasks.ts'
import { expireVersions } from './expire-versions.ts'
import type { SweepDeps } from '../writing/sweep-writes.ts'

export const expireVersionsTask = defineTask<SweepDeps>({
  name: 'expireVersions',
  everyMs: 600_000,
  async run(deps) {
    await expireVersions(deps)
  },
})
