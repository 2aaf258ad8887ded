import { decodeGlobalId } from '../../../src/graphql/global-id.ts'
import type { TestGateway, TestTenant } from '../../support/gateway.ts'

/** As if a content had been made by a job. */
export async function plantGeneration(
  { database }: TestGateway,
  { id: tenantId }: TestTenant,
  contentId: string,
  jobId: string,
): Promise<void> {
  await database.admin.query(
    `insert into content_generations (tenant_id, content_id, job_id, provider, model, generation_id,
       prompt, temperature, max_tokens, cost_usd, own_key, flags)
     values ($1, $2, $3, 'openai', 'gpt-4', 'chatcmpl-1', 'About summer', 0.7, null, 0.048, true,
       '{"it uses the forbidden word \\"cheap\\""}')`,
    [tenantId, decodeGlobalId(contentId).id, decodeGlobalId(jobId).id],
  )
}

/** As if the job's first items had made these contents, in their order. */
export async function plantContents(
  gateway: TestGateway,
  tenant: TestTenant,
  jobId: string,
  contentIds: readonly string[],
): Promise<void> {
  for (const [seq, contentId] of contentIds.entries()) {
    await gateway.database.admin.query(
      `update generation_items set content_id = $3, cost_usd = 0.048, tokens_in = 170,
         tokens_out = 710 where job_id = $1 and seq = $2`,
      [decodeGlobalId(jobId).id, seq, decodeGlobalId(contentId).id],
    )
    await plantGeneration(gateway, tenant, contentId, jobId)
  }
}
