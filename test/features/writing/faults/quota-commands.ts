import fc from 'fast-check'
import { expect } from 'vitest'
import type { PlanTier } from '../../../../src/features/tenancy/tenant.entity.ts'
import type { Answer } from '../../../support/outcome.ts'
import {
  createOne,
  deleteOne,
  draft,
  purgeOne,
  restoreOne,
  undeleteOne,
  updateOne,
} from '../../../support/writes.ts'
import {
  accountOf,
  type Counted,
  fits,
  type Model,
  readAccount,
  type Real,
  setTier,
} from './quota-model.ts'

type Command = fc.AsyncCommand<Model, Real>

/** A command that is told which of the contents it may take, and is left out when there is none. */
function on(
  name: string,
  which: number,
  takes: (content: Counted) => boolean,
  run: (content: Counted, model: Model, real: Real) => Promise<void>,
): Command {
  return {
    check: ({ contents }) => contents.some(takes),
    run(model, real) {
      const takeable = model.contents.filter(takes)
      return run(takeable[which % takeable.length] as Counted, model, real)
    },
    toString: () => `${name} #${which}`,
  }
}

/** Fails unless the write was granted exactly when it fits. */
function expectGranted(answer: Answer, granted: boolean): void {
  expect(answer.code).toBe(granted ? undefined : 'QUOTA_EXCEEDED')
}

let bodies = 0
const bodyOf = (bytes: number) => ({
  format: 'TEXT' as const,
  raw: `${bodies++}`.padEnd(bytes, '.'),
})

const create = (bytes: number): Command => ({
  check: () => true,
  async run(model, { gateway, tenant }) {
    const answer = await createOne(gateway, tenant, draft({ body: bodyOf(bytes) }))
    expectGranted(answer, fits(model, bytes))
    if (answer.__typename !== 'ContentSuccess') return
    const { id } = answer.content
    model.contents.push({ id, bytes, firstBytes: bytes, deleted: false })
  },
  toString: () => `create ${bytes}`,
})

const isLive = ({ deleted }: Counted) => !deleted
const isDeleted = ({ deleted }: Counted) => deleted

const resize = (which: number, bytes: number): Command =>
  on(`resize to ${bytes}`, which, isLive, async (content, model, { gateway, tenant }) => {
    const granted = fits(model, bytes - content.bytes)
    expectGranted(await updateOne(gateway, tenant, content.id, { body: bodyOf(bytes) }), granted)
    if (granted) content.bytes = bytes
  })

const rename = (which: number): Command =>
  on('rename', which, isLive, async ({ id }, _model, { gateway, tenant }) => {
    expectGranted(await updateOne(gateway, tenant, id, { title: `Title ${bodies++}` }), true)
  })

const restore = (which: number): Command =>
  on('restore', which, isLive, async (content, model, { gateway, tenant }) => {
    const granted = fits(model, content.firstBytes - content.bytes)
    expectGranted(await restoreOne(gateway, tenant, content.id, 1), granted)
    if (granted) content.bytes = content.firstBytes
  })

const trash = (which: number): Command =>
  on('delete', which, isLive, async (content, _model, { gateway, tenant }) => {
    expectGranted(await deleteOne(gateway, tenant, { id: content.id }), true)
    content.deleted = true
  })

const undelete = (which: number): Command =>
  on('undelete', which, isDeleted, async (content, model, { gateway, tenant }) => {
    const granted = fits(model, content.bytes)
    expectGranted(await undeleteOne(gateway, tenant, content.id), granted)
    if (granted) content.deleted = false
  })

const purge = (which: number): Command =>
  on('purge', which, isDeleted, async (content, model, { gateway, tenant }) => {
    expectGranted(await purgeOne(gateway, tenant, content.id), true)
    model.contents.splice(model.contents.indexOf(content), 1)
  })

const crash = (bytes: number): Command => ({
  check: (model) => fits(model, bytes),
  async run(model, { gateway, tenant, startSleeper }) {
    await startSleeper(() => createOne(gateway, tenant, draft({ body: bodyOf(bytes) })))
    model.reserved += bytes
  },
  toString: () => `crash while creating ${bytes}`,
})

const sweep = (): Command => ({
  check: () => true,
  async run(model, { gateway, tenant, wakeSleepers }) {
    await gateway.database.admin.query(
      `update content_write_intents set lease_expires_at = now() - interval '1 second'
       where tenant_id = $1 and state = 'pending'`,
      [tenant.id],
    )
    await gateway.sweep()
    model.reserved = 0
    // They find that they were given up, and change nothing any more.
    const codes = (await wakeSleepers()).map(({ code }) => code)
    expect(codes).toEqual(codes.map(() => 'STORAGE_UNAVAILABLE'))
  },
  toString: () => 'sweep',
})

const changeTier = (tier: PlanTier): Command => ({
  check: () => true,
  async run(model, { gateway, tenant }) {
    await setTier(gateway, tenant, tier)
    model.tier = tier
  },
  toString: () => `change the plan to ${tier}`,
})

const bytes = fc.integer({ min: 10, max: 800 })
const which = fc.nat(9)

/** The same command, followed by a look at the account. */
function thenCompare(command: Command): Command {
  return {
    check: (model) => command.check(model),
    async run(model, real) {
      await command.run(model, real)
      expect(await readAccount(real)).toEqual(accountOf(model))
    },
    toString: () => command.toString(),
  }
}

const commands: fc.Arbitrary<Command>[] = [
  bytes.map(create),
  fc.tuple(which, bytes).map(([content, size]) => resize(content, size)),
  which.map(rename),
  which.map(restore),
  which.map(trash),
  which.map(undelete),
  which.map(purge),
  bytes.map(crash),
  fc.constant(null).map(sweep),
  fc.constantFrom<PlanTier>('free', 'starter', 'enterprise').map(changeTier),
]

/** All that changes a tenant's account, in any order; after each of them the account is compared. */
export const quotaCommands = commands.map((command) => command.map(thenCompare))
