import type { ContentInput } from '../features/editing/content-input.ts'
import { createContents } from '../features/editing/create-contents.ts'
import { findViewer } from '../features/tenancy/find-viewer.ts'
import { newAccess } from '../lib/access.ts'
import { ConflictError } from '../lib/errors.ts'
import { newPlan } from '../platform/plan.ts'
import type { TenantReads } from '../platform/postgres/reads.ts'
import type { Services } from '../platform/services.ts'
import { articles } from './demo/articles.ts'
import { campaign } from './demo/campaign.ts'
import type { DemoContent } from './demo/demo-content.ts'
import { worldwide } from './demo/worldwide.ts'

const externalSystem = 'demo'
const contents = [...articles, ...campaign, ...worldwide]

/** What the demo contents hang on, and whether there ever were any: deleted ones count. */
interface Ground {
  planted: boolean
  brandId: string | null
  spaceId: string | null
}

const groundSql = `
  select exists (select from content_items where tenant_id = $1 and external_system = $2) as planted,
    s.brand_id as "brandId", s.id as "spaceId"
  from tenants t left join campaign_spaces s on s.tenant_id = t.id
  where t.id = $1 order by s.id limit 1`

/**
 * Creates the demo contents unless there ever were some: what was deleted stays deleted. They come
 * into being in one commit, so a start that is killed leaves all or none, and need no idempotency
 * key: it would stay in use for the lease of the killed start, their references are taken at once.
 */
export async function ensureDemoContents(
  services: Services,
  owner: { tenantId: string; subject: string },
  signal: AbortSignal,
): Promise<void> {
  const { database, zerodb, documents } = services
  const { tenantId, subject } = owner
  const reads = database.reads.forTenant(tenantId)
  const [ground, viewer] = await Promise.all([findGround(reads), findViewer(reads, subject)])
  if (!ground || ground.planted || !viewer) return
  const origin = { requestId: 'start', ip: null, apiKeyId: null }
  const deps = {
    viewer,
    tenantId,
    reads,
    database,
    zerodb,
    documents,
    signal,
    plan: newPlan(),
    access: newAccess(),
    origin,
  }
  const inputs = contents.map((content) => inputOf(content, ground))
  await createContents(deps, inputs, 'REJECT_ALL').catch((error: unknown) => {
    // Another start of the same gateway came first.
    if (!(error instanceof ConflictError)) throw error
  })
}

async function findGround(reads: TenantReads): Promise<Ground | undefined> {
  const [ground] = await reads.rows<Ground>(groundSql, [reads.tenantId, externalSystem])
  return ground
}

const dayMs = 24 * 3_600_000

function inputOf(content: DemoContent, { brandId, spaceId }: Ground): ContentInput {
  const { title, type, status, body, scheduledInDays: days } = content
  return {
    title,
    type,
    status,
    body,
    brandId,
    campaignSpaceId: content.campaign ? spaceId : null,
    platforms: content.platforms ?? [],
    tags: content.tags ?? [],
    hashtags: content.hashtags ?? [],
    mentions: content.mentions ?? [],
    metadata: content.metadata ?? {},
    scheduledAt: days === undefined ? null : new Date(Date.now() + days * dayMs),
    externalRef: { system: externalSystem, id: content.name },
    idempotencyKey: null,
    onUnavailable: 'FAIL',
  }
}
