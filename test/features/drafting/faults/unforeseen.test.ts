import { expect, test } from 'vitest'
import { awaitJob, batch, startJob } from '../../../support/drafting.ts'
import { startGateway } from '../../../support/gateway.ts'
import { expectIntact } from '../../../support/integrity.ts'
import { openCrew } from '../../../support/workers.ts'
import { aboutTea, expectMadeOnce } from './made-once.ts'

test.for([
  ['that cannot be stored', 'insert on content_generations', `new.prompt like '%cocoa%'`],
  [
    'whose lease cannot be renewed',
    'update on generation_items',
    `new.state = 'running' and new.attempt = old.attempt and not new.drafted`,
  ],
  ['that cannot be taken up', 'update of attempt on generation_items', 'new.seq = 2'],
] as const)(
  'an item %s, nobody knows why, ends its job and neither its worker nor other jobs',
  { timeout: 60_000 },
  async ([, event, condition]) => {
    await using gateway = await startGateway()
    const { admin } = gateway.database
    const [tenant, stranger] = [await gateway.newTenant(), await gateway.newTenant()]
    await admin.query(
      `create function refuse() returns trigger language plpgsql as
       $$ begin raise exception 'nobody foresaw this'; end $$`,
    )
    await admin.query(
      `create trigger refuse before ${event} for each row
       when (new.tenant_id = '${tenant.id}' and ${condition}) execute function refuse()`,
    )
    await using crew = await openCrew(gateway)
    const worker = await crew.start()
    gateway.llm.pace.latencyMs = 1_500
    const foreign = await startJob(gateway, stranger, aboutTea(20))
    const { id } = await startJob(gateway, tenant, batch(20))

    const job = await awaitJob(gateway, tenant, id)

    expect(job).toMatchObject({ status: 'FAILED', errorCode: 'INTERNAL' })
    expect(worker.output()).toContain('generation failed')
    expect(gateway.llm.calls.length).toBeLessThanOrEqual(40)
    await expectMadeOnce(gateway, stranger, [await awaitJob(gateway, stranger, foreign.id)])
    expect(crew.working()).toEqual([worker])
    await expectIntact(gateway)
  },
)
