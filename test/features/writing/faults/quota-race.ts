import { expect } from 'vitest'
import { bytesPerGb } from '../../../../src/lib/bytes.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../../support/gateway.ts'
import { expectIntact } from '../../../support/integrity.ts'
import { refOf } from '../../../support/operations.ts'
import { type Answer, untilDecided } from '../../../support/outcome.ts'
import { chooseSeed, createRandom, type Random, tell } from '../../../support/random.ts'
import { createOne, deleteOne, draft, undeleteOne, updateOne } from '../../../support/writes.ts'

/** Every write asks for one of these, or gives one back. */
const grantBytes = 100

export interface QuotaRaceOptions {
  clients: number
  /** Room in the plan. */
  grants: number
}

/**
 * Clients create, resize, delete and undelete contents as fast as they can until there is no room for any of
 * them: then exactly the room is used, and at no moment was a byte more promised.
 */
export async function raceForQuota({ clients, grants }: QuotaRaceOptions): Promise<void> {
  const seed = chooseSeed()
  const random = createRandom(seed)
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  await leaveRoom(gateway, tenant, grants * grantBytes)
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 1, jitterMs: 10 })
  await watchUsage(gateway)

  const racing = Array.from({ length: clients }, (_, client) =>
    race(new Racer(gateway, tenant, `${client}`), random, Math.ceil((3 * grants) / clients)),
  )
  const granted = await Promise.all(racing)

  const { peak, changes } = await readPeak(gateway, tenant)
  tell(`quota race: peak of ${peak} bytes in ${changes} changes of the account`)
  const sum = granted.reduce((total, some) => total + some, 0)
  expect(sum).toBe(grants)
  expect(peak).toBe(grants * grantBytes)
  expect(await readUsage(gateway, tenant)).toEqual({ used: grants * grantBytes, reserved: 0 })
  await expectIntact(gateway)
}

/** First a mixture, then creates until there is no room; answers how many grants it holds. */
async function race(racer: Racer, random: Random, steps: number): Promise<number> {
  for (let step = 0; step < steps; step++) await racer.mix(random)
  while (await racer.create()) {
    // Until it is refused.
  }
  return racer.grants
}

interface Content {
  ref: string
  id: string
  grants: number
  deleted: boolean
}

/** A client with contents of its own, each of one or two grants; in the trash they hold none. */
class Racer {
  readonly #gateway: TestGateway
  readonly #tenant: TestTenant
  readonly #name: string
  readonly #contents: Content[] = []
  #writes = 0

  constructor(gateway: TestGateway, tenant: TestTenant, name: string) {
    this.#gateway = gateway
    this.#tenant = tenant
    this.#name = name
  }

  get grants(): number {
    const live = this.#contents.filter(({ deleted }) => !deleted)
    return live.reduce((sum, { grants }) => sum + grants, 0)
  }

  async mix(random: Random): Promise<void> {
    const content = this.#contents[random.below(this.#contents.length)]
    if (!content || random.chance(0.5)) await this.create()
    else if (content.deleted) await this.undelete(content)
    else if (random.chance(0.3)) await this.delete(content)
    else await this.resize(content)
  }

  async create(): Promise<boolean> {
    const ref = `${this.#name}-${this.#contents.length}`
    const content = { ref, id: '', grants: 1, deleted: false }
    const input = draft({ ...refOf(ref), ...this.#write(1) })
    const granted = await isGranted(async () => {
      const answer = await createOne(this.#gateway, this.#tenant, input)
      if (answer.__typename === 'ContentSuccess') content.id = answer.content.id
      return answer
    })
    if (granted) this.#contents.push(content)
    return granted
  }

  async resize(content: Content): Promise<void> {
    const grants = 3 - content.grants
    const fields = this.#write(grants)
    const update = () => updateOne(this.#gateway, this.#tenant, content.id, fields)
    if (await isGranted(update)) content.grants = grants
  }

  async delete(content: Content): Promise<void> {
    const key = this.#key()
    const gone = () => deleteOne(this.#gateway, this.#tenant, { id: content.id }, key)
    if (await isGranted(gone)) content.deleted = true
  }

  async undelete(content: Content): Promise<void> {
    const key = this.#key()
    const back = () => undeleteOne(this.#gateway, this.#tenant, content.id, key)
    if (await isGranted(back)) content.deleted = false
  }

  #key() {
    return { idempotencyKey: `${this.#name} ${this.#writes++}` }
  }

  #write(grants: number) {
    const key = this.#key()
    const raw = key.idempotencyKey.padEnd(grants * grantBytes, '.')
    return { ...key, body: { format: 'TEXT' as const, raw } }
  }
}

/** Whether the write was granted; whoever is told to come back does. */
async function isGranted(write: () => Promise<Answer>): Promise<boolean> {
  const outcome = await untilDecided(write)
  expect(outcome).toMatch(/^(success|QUOTA_EXCEEDED)$/)
  return outcome === 'success'
}

/** From now on PostgreSQL itself notes the most that was ever used and reserved together. */
async function watchUsage({ database }: TestGateway): Promise<void> {
  await database.admin.query(`
    create table peaks (tenant_id uuid primary key, bytes integer not null, changes integer not null);
    create function note_peak() returns trigger language plpgsql security definer as $$ begin
      insert into peaks
      values (new.tenant_id, new.total_storage_bytes + new.reserved_bytes, 1)
      on conflict (tenant_id) do update
      set bytes = greatest(peaks.bytes, excluded.bytes), changes = peaks.changes + 1;
      return null;
    end $$;
    create trigger note_peak after update on content_storage_usage
      for each row execute function note_peak()`)
}

async function readPeak({ database }: TestGateway, { id }: TestTenant) {
  const { rows } = await database.admin.query<{ peak: number; changes: number }>(
    'select bytes as peak, changes from peaks where tenant_id = $1',
    [id],
  )
  return rows[0] ?? { peak: 0, changes: 0 }
}

async function readUsage({ database }: TestGateway, { id }: TestTenant) {
  const { rows } = await database.admin.query<{ used: number; reserved: number }>(
    `select total_storage_bytes::integer as used, reserved_bytes::integer as reserved
     from content_storage_usage where tenant_id = $1`,
    [id],
  )
  return rows[0] ?? { used: 0, reserved: 0 }
}

/** Media count towards the limit too, and contents are not told apart from them. */
async function leaveRoom({ database }: TestGateway, { id }: TestTenant, bytes: number) {
  await database.admin.query(
    `update content_storage_usage set total_media_storage_bytes = $2 where tenant_id = $1`,
    [id, bytesPerGb - bytes],
  )
}
