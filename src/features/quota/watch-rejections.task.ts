import { defineTask } from '../../platform/tasks.ts'
import { watchRejections } from './watch-rejections.ts'

export const watchRejectionsTask = defineTask<Parameters<typeof watchRejections>[0]>({
  name: 'watchRejections',
  everyMs: 60_000,
  run: watchRejections,
})
