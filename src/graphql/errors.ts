import {
  ConcurrencyLimitError,
  type DomainError,
  errorCodes,
  type FieldIssue,
  ForbiddenError,
  KeyServiceUnavailableError,
  NotFoundError,
  StorageUnavailableError,
  ValidationError,
} from '../lib/errors.ts'
import { builder } from './builder.ts'
import { listOf } from './list-size.ts'

const ErrorCodeEnum = builder.enumType('ErrorCode', {
  description: 'What went wrong, for programs; `message` is for people.',
  values: errorCodes,
})

/** Expected failures are data: members of the result unions, never entries of `errors[]`. */
export const ErrorInterface = builder.interfaceRef<DomainError>('Error').implement({
  description: 'An expected failure.',
  fields: (t) => ({
    message: t.exposeString('message'),
    code: t.expose('code', { type: ErrorCodeEnum }),
    path: t.expose('path', {
      type: ['String'],
      nullable: true,
      description: 'Where in the input, e.g. ["input", "title"].',
    }),
  }),
  resolveType: (error) => error.name,
})

/** The error as an element of a list: graphql-js throws whatever it takes for an `Error`. */
export function asListItem<E extends DomainError>(error: E): E {
  return new Proxy(error, { getPrototypeOf: () => null })
}

const FieldIssueObject = builder.objectRef<FieldIssue>('FieldIssue').implement({
  fields: (t) => ({
    path: t.expose('path', { type: ['String'] }),
    code: t.exposeString('code'),
    message: t.exposeString('message'),
  }),
})

builder.objectType(ValidationError, {
  name: 'ValidationError',
  description: 'The input is of the right types but breaks a rule. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    issues: t.expose('issues', { type: [FieldIssueObject], directives: listOf(1) }),
  }),
})

builder.objectType(NotFoundError, {
  name: 'NotFoundError',
  description: 'There is no such thing, or it is out of your reach: the two look the same.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ id: t.exposeID('id', { nullable: true }) }),
})

builder.objectType(ForbiddenError, {
  name: 'ForbiddenError',
  description: 'You may see this but not do it.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ requiredScopes: t.exposeStringList('requiredScopes') }),
})

builder.objectType(ConcurrencyLimitError, {
  name: 'ConcurrencyLimitError',
  description: 'As many jobs as are allowed at a time are not over yet. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ limit: t.exposeInt('limit'), running: t.exposeInt('running') }),
})

export const StoreKindEnum = builder.enumType('StoreKind', {
  values: {
    ZERODB: { value: 'zerodb' },
    POSTGRES: { value: 'postgres' },
    BIGQUERY: { value: 'bigquery' },
  } as const,
})

builder.objectType(StorageUnavailableError, {
  name: 'StorageUnavailableError',
  description:
    'A store cannot take the write now; the message says whether anything may have changed. The same call, with the same idempotencyKey, may be repeated.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    store: t.expose('store', { type: StoreKindEnum }),
    retryAfterSeconds: t.exposeInt('retryAfterSeconds', { nullable: true }),
  }),
})

builder.objectType(KeyServiceUnavailableError, {
  name: 'KeyServiceUnavailableError',
  description:
    'The service that guards secrets cannot be asked now. Nothing was changed; the call may be repeated.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ retryAfterSeconds: t.exposeInt('retryAfterSeconds') }),
})
