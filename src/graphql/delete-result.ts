import {
  ForbiddenError,
  NotFoundError,
  StorageUnavailableError,
  ValidationError,
} from '../lib/errors.ts'
import { builder } from './builder.ts'

const DeletedIdsObject = builder.objectRef<{ ids: string[] }>('DeletedIds').implement({
  fields: (t) => ({ ids: t.idList({ resolve: ({ ids }) => ids }) }),
})

/** What is gone for ever, by the ids that named it. */
export const DeleteResult = builder.errorUnion('DeleteResult', {
  types: [
    DeletedIdsObject,
    ValidationError,
    NotFoundError,
    ForbiddenError,
    StorageUnavailableError,
  ],
  resolveType: () => DeletedIdsObject,
})
