import {
  createAnswer,
  createOperation,
  type CurrentContent,
  findOperation,
  foundContents,
  type NewContent,
  type Refusal,
  upsertAnswer,
  upsertOperation,
} from './operations.ts'
import { ImportStopped, RetryLater } from './persistence.ts'
import { type Endpoint, postOperation } from './post-operation.ts'

/** How one write ended. */
export type WriteResult =
  | { kind: 'stored' }
  /** Somebody else took the reference, or what this key created has been deleted since. */
  | { kind: 'overtaken' }
  | { kind: 'later'; error: RetryLater }
  | { kind: 'refused'; reason: string }

/** What the import asks of the gateway; failures of a call as a whole are `postOperation`'s. */
export interface ContentApi {
  /** The contents known by these ids of `system`, in order; null where there is none. */
  find(system: string, ids: readonly string[]): Promise<(CurrentContent | null)[]>
  /** One result per input, in order. */
  create(inputs: readonly NewContent[]): Promise<WriteResult[]>
  /** Makes the content of this reference look like `input`, creating it if need be. */
  upsert(input: NewContent): Promise<WriteResult>
}

/** The gateway's public API, as any partner uses it. */
export function createContentApi(endpoint: Endpoint): ContentApi {
  return {
    async find(system, ids) {
      const refs = ids.map((id, n) => [`r${n}`, { externalRef: { system, id } }])
      const operation = findOperation(ids.length)
      const data = await postOperation(endpoint, operation, Object.fromEntries(refs))
      const found = foundContents.parse(data)
      return ids.map((_id, n) => found[`c${n}`] ?? null)
    },

    async create(inputs) {
      const data = await postOperation(endpoint, createOperation, { inputs })
      const { createContents } = createAnswer.parse(data)
      if (!('results' in createContents)) return inputs.map(() => resultOfAll(createContents))
      return createContents.results.map(({ content, errors: [error] }) => {
        if (error) return resultOf(error)
        return content && !content.deletedAt ? { kind: 'stored' } : { kind: 'overtaken' }
      })
    },

    async upsert(input) {
      const ref = { externalRef: input.externalRef }
      const data = await postOperation(endpoint, upsertOperation, { ref, input })
      const { upsertContent } = upsertAnswer.parse(data)
      return 'code' in upsertContent ? resultOf(upsertContent) : { kind: 'stored' }
    },
  }
}

/** A refusal of the whole batch for want of rights concerns every other batch too. */
function resultOfAll(refusal: Refusal): WriteResult {
  if (refusal.code === 'FORBIDDEN') throw new ImportStopped(refusal.message)
  return resultOf(refusal)
}

const passing = new Set(['STORAGE_UNAVAILABLE', 'IDEMPOTENCY_IN_PROGRESS'])

function resultOf({ code, message, retryAfterSeconds, issues }: Refusal): WriteResult {
  if (code === 'CONFLICT') return { kind: 'overtaken' }
  if (passing.has(code)) {
    return { kind: 'later', error: new RetryLater(message, (retryAfterSeconds ?? 0) * 1_000) }
  }
  const details = issues?.map((issue) => `${fieldOf(issue.path)} ${issue.message}`).join('; ')
  return { kind: 'refused', reason: details ?? message }
}

/** `title` for `inputs.3.title`: a place in the batch means nothing to whoever reads the reason. */
function fieldOf(path: readonly string[]): string {
  return path.slice(path[0] === 'inputs' ? 2 : 1).join('.')
}
