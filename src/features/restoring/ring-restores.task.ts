import { defineTask } from '../../platform/tasks.ts'
import { ringRestores } from './ring-restores.ts'

export const ringRestoresTask = defineTask({
  name: 'ringRestores',
  everyMs: 5_000,
  run: ringRestores,
})
