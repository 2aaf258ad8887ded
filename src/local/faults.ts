import { z } from 'zod'

const target = {
  /** The table meant; any when absent. */
  table: z.string().optional(),
  /** A word of the prompt. */
  text: z.string().min(1).optional(),
  /** The end of the caller's key. */
  caller: z.string().min(1).optional(),
  /** How many calls it strikes; until cleared when absent. */
  times: z.int().positive().optional(),
  /** How many matching calls it lets pass first. */
  after: z.int().nonnegative().optional(),
  /** Strikes this share of the matching calls, in an order fixed by `seed`. */
  probability: z.number().min(0).max(1).optional(),
  seed: z.int().optional(),
}

const duration = z.int().nonnegative()

const kinds = [
  z.object({ kind: z.literal('latency'), ms: duration, jitterMs: duration.optional() }),
  /** Takes the request and never answers. */
  z.object({ kind: z.literal('hang') }),
  z.object({
    kind: z.literal('status'),
    status: z.int().min(400).max(599),
    retryAfterSeconds: duration.optional(),
    body: z.json().optional(),
  }),
  /** The connection dies before anything is applied. */
  z.object({ kind: z.literal('reset') }),
  /** Applied, then the connection dies: the caller cannot know. */
  z.object({ kind: z.literal('answerLost') }),
  /** A well-formed HTTP answer whose JSON stops half-way. */
  z.object({ kind: z.literal('truncated') }),
  /** Status 200 with an HTML page, or with JSON of another shape. */
  z.object({ kind: z.literal('wrongJson'), shape: z.enum(['html', 'json']).optional() }),
  /** The answer arrives byte by byte. */
  z.object({ kind: z.literal('trickle'), msPerByte: z.int().positive().optional() }),
  /** Correct JSON, padded with blanks: only a limit on size notices. */
  z.object({ kind: z.literal('huge'), bytes: z.int().positive().optional() }),
  /** Above the rate: 429 with Retry-After, counted in whole seconds. */
  z.object({ kind: z.literal('rateLimit'), perSecond: z.int().positive() }),
  z.object({ kind: z.literal('wrongTenant'), tenantId: z.string().optional() }),
  /** `content_body` is another text, as from an older version. */
  z.object({ kind: z.literal('staleBody') }),
  /** `content_body` has one character changed. */
  z.object({ kind: z.literal('corruptBody') }),
  /** Drops this many rows from the answer, one by default. */
  z.object({ kind: z.literal('missingRows'), count: z.int().positive().optional() }),
  /** Answers a query as if it had asked for everything. */
  z.object({ kind: z.literal('ignoreFilter') }),
  /** Keeps half the bytes of a file that is sent. */
  z.object({ kind: z.literal('cutShort') }),
  /** So many rows of a load, one by default, count as bad and are not stored. */
  z.object({ kind: z.literal('badRows'), count: z.int().positive().optional() }),
  /** A model's answer in good form, whose text is not what was asked for. */
  z.object({
    kind: z.literal('wrongDraft'),
    as: z.enum(['prose', 'otherShape', 'cutShort', 'refusal', 'script', 'huge', 'offBrand']),
  }),
] as const

const Kind = z.discriminatedUnion('kind', kinds)

type Target = z.infer<z.ZodObject<typeof target>>
export type FaultKind = z.infer<typeof Kind>
export type FaultOf<K extends FaultKind['kind']> = Extract<FaultKind, { kind: K }>

/** What goes wrong, for which calls. `operation` is one of the stand-in's own words, or every one. */
export type Fault<Operation extends string = string> = { operation: Operation | '*' } & Target &
  FaultKind

/** One call as the fault switches and the log see it. */
export interface CallFacts {
  operation: string
  table?: string
  text?: string
  caller?: string
}

/** A fault that is switched on, with what it has to remember between calls. */
export interface ActiveFault {
  readonly fault: Fault
  /** For `rateLimit`: true while this second has room. */
  admit(now: number): boolean
}

/** The fault switches of one stand-in. */
export interface Faults<Operation extends string = string> {
  add(...faults: readonly Fault<Operation>[]): void
  clear(): void
  list(): readonly Fault[]
  /** Reads the list a client sent; throws a ZodError on anything unknown. */
  parse(input: unknown): Fault<Operation>[]
  /** The faults that strike this call, in the order they were added. Counts the call. */
  strike(call: CallFacts): readonly ActiveFault[]
}

export function createFaults<Operation extends string>(
  operations: readonly Operation[],
): Faults<Operation> {
  const Operations = z.enum(['*', ...operations])
  const Input = z.array(z.intersection(z.object({ operation: Operations, ...target }), Kind))
  let switches: Switch[] = []
  return {
    add: (...faults) => void switches.push(...faults.map(createSwitch)),
    clear: () => void (switches = []),
    list: () => switches.map(({ fault }) => fault),
    parse: (input) => Input.parse(input) as Fault<Operation>[],
    strike: (call) => (switches.length === 0 ? [] : switches.filter((one) => one.strikes(call))),
  }
}

interface Switch extends ActiveFault {
  strikes(call: CallFacts): boolean
}

function createSwitch(fault: Fault): Switch {
  const random = seededRandom(fault.seed ?? 1)
  let toSkip = fault.after ?? 0
  let left = fault.times ?? Number.POSITIVE_INFINITY
  return {
    fault,
    admit: fault.kind === 'rateLimit' ? createWindow(fault.perSecond) : () => true,
    strikes(call) {
      if (left === 0 || !matches(fault, call)) return false
      if (toSkip > 0) {
        toSkip--
        return false
      }
      if (fault.probability !== undefined && random() >= fault.probability) return false
      left--
      return true
    },
  }
}

function matches(fault: Fault, call: CallFacts): boolean {
  const { operation, table, text, caller } = fault
  return (
    (operation === '*' || operation === call.operation) &&
    (table === undefined || table === call.table) &&
    (text === undefined || call.text?.includes(text) === true) &&
    (caller === undefined || call.caller?.endsWith(caller) === true)
  )
}

function createWindow(perSecond: number): (now: number) => boolean {
  let second = 0
  let used = 0
  return (now) => {
    const current = Math.floor(now / 1000)
    if (current !== second) [second, used] = [current, 0]
    return ++used <= perSecond
  }
}

/** Mulberry32: the same seed strikes the same calls in every run. */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}
