import { defineTask } from '../../platform/tasks.ts'
import { noteStores, type NoteStoresDeps } from './note-stores.ts'

export const noteStoresTask = defineTask<NoteStoresDeps & { signal: AbortSignal }>({
  name: 'noteStores',
  everyMs: 60_000,
  run: noteStores,
})
