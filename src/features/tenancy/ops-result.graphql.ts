import { builder } from '../../graphql/builder.ts'
import { ForbiddenError, StorageUnavailableError, ValidationError } from '../../lib/errors.ts'

/** What an operator's task came to; features whose tasks tell more add a field of their own. */
export interface OpsSuccess {
  message: string
}

export const OpsSuccessObject = builder.objectRef<OpsSuccess>('OpsSuccess').implement({
  fields: (t) => ({
    ok: t.boolean({ resolve: () => true }),
    message: t.exposeString('message'),
  }),
})

export const OpsResult = builder.errorUnion('OpsResult', {
  types: [OpsSuccessObject, ValidationError, ForbiddenError, StorageUnavailableError],
  resolveType: () => OpsSuccessObject,
})
