import { defineTask } from '../../platform/tasks.ts'
import { publishDue, type PublishDeps } from './publish-due.ts'

export const publishDueTask = defineTask<PublishDeps>({
  name: 'publishDue',
  everyMs: 1_000,
  run: publishDue,
})
