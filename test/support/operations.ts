import type { Api, TestTenant } from './gateway.ts'
import type { ContentState, Known } from './known-contents.ts'
import type { Answer } from './outcome.ts'
import {
  createMany,
  createOne,
  deleteOne,
  draft,
  restoreOne,
  undeleteOne,
  updateMany,
  updateOne,
  upsertOne,
} from './writes.ts'

/** One mutation as a workload uses it: every success makes each of its contents one version older. */
export interface Operation {
  name: string
  /** How many contents it takes at a time, and what it makes of them. */
  count: number
  from: ContentState
  to: ContentState
  /** Contents it would not change are not given to it. */
  changes?(content: Known): boolean
  /** The body that its contents have afterwards, if it is not a new one. */
  bodyOf?(content: Known): string
  /** A repeat under the same key must have no second effect. */
  send(api: Api, tenant: TestTenant, write: Write): Promise<Answer>
}

export interface Write {
  key: string
  /** The new body of all its contents. */
  body: string
  contents: readonly [Known, ...Known[]]
}

/** How a workload names its contents. */
export const refOf = (ref: string) => ({ externalRef: { system: 'load', id: ref } })
const text = (raw: string) => ({ format: 'TEXT' as const, raw })
const same = ({ body }: Known) => body

/** Everything that writes contents; what is added here is used by every test under load. */
export const operations: readonly Operation[] = [
  {
    name: 'createContent',
    count: 1,
    from: 'absent',
    to: 'live',
    async send(api, tenant, { key, body, contents: [content] }) {
      const input = draft({ ...refOf(content.ref), body: text(body), idempotencyKey: key })
      const answer = await createOne(api, tenant, input)
      if (answer.__typename === 'ContentSuccess') content.id = answer.content.id
      return answer
    },
  },
  {
    name: 'createContents',
    count: 3,
    from: 'absent',
    to: 'live',
    async send(api, tenant, { key, body, contents }) {
      const inputs = contents.map(({ ref }) =>
        draft({ ...refOf(ref), body: text(body), idempotencyKey: `${key} ${ref}` }),
      )
      const answer = await createMany(api, tenant, inputs)
      if (answer.__typename !== 'ContentBatchSuccess') return answer
      for (const { index, content } of answer.results) {
        // It was written and could not be read any more: the same call again tells what it is.
        if (!content) return { __typename: answer.__typename, code: 'SERVICE_UNAVAILABLE' }
        Object.assign(contents[index] ?? {}, { id: content.id })
      }
      return answer
    },
  },
  {
    name: 'upsertContent',
    count: 1,
    from: 'live',
    to: 'live',
    send(api, tenant, { key, body, contents: [{ ref }] }) {
      return upsertOne(api, tenant, refOf(ref), draft({ body: text(body), idempotencyKey: key }))
    },
  },
  {
    name: 'updateContent',
    count: 1,
    from: 'live',
    to: 'live',
    send(api, tenant, { key, body, contents: [{ id, version }] }) {
      const fields = { body: text(body), expectedVersion: version, idempotencyKey: key }
      return updateOne(api, tenant, id, fields)
    },
  },
  {
    name: 'updateContents',
    count: 3,
    from: 'live',
    to: 'live',
    send(api, tenant, { key, body, contents }) {
      const inputs = contents.map(({ ref }) => ({
        ref: refOf(ref),
        body: text(body),
        idempotencyKey: `${key} ${ref}`,
      }))
      return updateMany(api, tenant, inputs)
    },
  },
  {
    name: 'metadata of updateContent',
    count: 1,
    from: 'live',
    to: 'live',
    bodyOf: same,
    send(api, tenant, { key, contents: [{ id }] }) {
      return updateOne(api, tenant, id, { metadata: { key }, idempotencyKey: key })
    },
  },
  {
    name: 'restoreVersion',
    count: 1,
    from: 'live',
    to: 'live',
    changes: ({ body, firstBody }) => body !== firstBody,
    bodyOf: ({ firstBody }) => firstBody,
    send(api, tenant, { key, contents: [{ id }] }) {
      return restoreOne(api, tenant, id, 1, { idempotencyKey: key })
    },
  },
  {
    name: 'deleteContent',
    count: 1,
    from: 'live',
    to: 'deleted',
    bodyOf: same,
    send(api, tenant, { key, contents: [{ ref }] }) {
      return deleteOne(api, tenant, refOf(ref), { idempotencyKey: key })
    },
  },
  {
    name: 'undeleteContent',
    count: 1,
    from: 'deleted',
    to: 'live',
    bodyOf: same,
    send(api, tenant, { key, contents: [{ id }] }) {
      return undeleteOne(api, tenant, id, { idempotencyKey: key })
    },
  },
]
