import { defineTask } from '../../platform/tasks.ts'
import { watchStores, type WatchStoresDeps } from './watch-stores.ts'

export const watchStoresTask = defineTask<WatchStoresDeps>({
  name: 'watchStores',
  everyMs: 60_000,
  run: watchStores,
})
