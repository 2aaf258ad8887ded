import { encodeGlobalId } from '../../src/graphql/global-id.ts'
import { plantAlert } from './alerts.ts'
import { createTestKey } from './api-keys.ts'
import { canary } from './canaries.ts'
import { plantArchive } from './archives.ts'
import { brandOf, createTestContents } from './contents.ts'
import type { TestGateway, TestTenant } from './gateway.ts'
import { generationInput, startJob } from './generation.ts'
import { setTestLlmKey } from './llm-keys.ts'
import { plantRestore } from './restores.ts'
import { type Coordinate, isNode, isRoot, sampleArgumentsOf, type Values } from './schema-walk.ts'
import { trustDocuments, trustedSample } from './trusted-documents.ts'

export const nodeTypes = [
  'Tenant',
  'User',
  'Brand',
  'CampaignSpace',
  'AuditEvent',
  'Content',
  'ContentVersion',
  'LlmKey',
  'GenerationJob',
  'BackupArchive',
  'RestoreJob',
  'ApiKey',
  'Alert',
  'TrustedDocument',
] as const
export type NodeType = (typeof nodeTypes)[number]

/** One id of each node type. */
export type Ids = Record<NodeType, string>

const sampleInput = { title: 'Sample', body: { format: 'TEXT', raw: 'Sample' } }
const sampleRange = { from: '2026-11-01T00:00:00Z', to: '2026-11-08T00:00:00Z' }
const toJob = ({ GenerationJob }: Ids) => ({ id: GenerationJob })
const toContent = ({ Content }: Ids) => ({ ref: { id: Content } })

/** Valid arguments for every field that an operation can begin with. */
export const entries: Record<string, (own: Ids) => Values> = {
  'Query.viewer': () => ({}),
  'Query.node': ({ Content }) => ({ id: Content }),
  'Query.nodes': ({ Content }) => ({ ids: [Content] }),
  'Query.content': ({ Content }) => ({ ref: { id: Content } }),
  'Query.contents': () => ({}),
  'Query.auditEvents': () => ({}),
  'Query.quota': () => ({}),
  'Query.checkQuota': () => ({ input: {} }),
  'Query.llmKeys': () => ({}),
  'Query.backupStatus': () => ({}),
  'Query.generationJob': toJob,
  'Query.generationJobs': () => ({}),
  'Query.estimateGeneration': () => ({ input: generationInput() }),
  'Query.analyticsReport': () => ({ range: sampleRange }),
  'Query.campaignSpace': ({ CampaignSpace }) => ({ id: CampaignSpace }),
  'Mutation.createContent': () => ({ input: sampleInput }),
  'Mutation.createContents': () => ({ inputs: [sampleInput], errorPolicy: 'REJECT_ALL' }),
  'Mutation.upsertContent': ({ Content }) => ({ ref: { id: Content }, input: sampleInput }),
  'Mutation.updateContent': ({ Content }) => ({ input: { ref: { id: Content }, title: 'New' } }),
  'Mutation.updateContents': ({ Content }) => ({
    inputs: [{ ref: { id: Content }, title: 'New' }],
    errorPolicy: 'REJECT_ALL',
  }),
  'Mutation.publishContent': toContent,
  'Mutation.scheduleContent': (own) => ({ ...toContent(own), at: '2099-01-01T00:00:00Z' }),
  'Mutation.unpublishContent': toContent,
  'Mutation.archiveContent': toContent,
  'Mutation.deleteContent': toContent,
  'Mutation.undeleteContent': ({ Content }) => ({ id: Content }),
  'Mutation.purgeContent': ({ Content }) => ({ id: Content, reason: 'A sample.' }),
  'Mutation.restoreVersion': ({ Content }) => ({ contentId: Content, version: 1 }),
  'Mutation.pinVersion': ({ ContentVersion }) => ({ versionId: ContentVersion, pinned: true }),
  'Mutation.setLlmKey': () => ({ provider: 'OPENAI', label: 'Sample', secret: canary('sample') }),
  'Mutation.deleteLlmKey': ({ LlmKey }) => ({ id: LlmKey }),
  'Query.apiKeys': () => ({}),
  'Mutation.createApiKey': () => ({ input: { name: 'Sample', scopes: ['CONTENT_READ'] } }),
  'Mutation.rotateApiKey': ({ ApiKey }) => ({ id: ApiKey }),
  'Query.trustedDocuments': () => ({}),
  'Mutation.registerTrustedDocuments': () => ({ documents: [trustedSample] }),
  'Mutation.revokeApiKey': ({ ApiKey }) => ({ id: ApiKey }),
  'Mutation.generateContentBatch': () => ({ input: generationInput() }),
  'Mutation.cancelGenerationJob': toJob,
  'Mutation.retryGenerationJob': (own) => ({ ...toJob(own), failedOnly: false }),
  'Mutation.updateBrand': ({ Brand }) => ({ id: Brand, input: { voice: 'A sample.' } }),
  'Mutation.runBackupSync': () => ({}),
  'Query.backupArchives': () => ({}),
  'Mutation.backupCollections': () => ({ collections: ['content_items'] }),
  'Query.storeHealth': () => ({}),
  'Query.alerts': () => ({}),
  'Query.opsDashboard': () => ({}),
  'Mutation.acknowledgeAlert': ({ Alert }) => ({ id: Alert }),
  'Query.explainOperation': () => ({ document: '{ viewer { scopes } }' }),
  'Mutation.setReadMode': () => ({ mode: 'PRIMARY', reason: 'A sample.' }),
  'Mutation.restoreFromBackup': () => ({ input: { asOf: '2026-01-01T00:00:00Z' } }),
  'Mutation.recalculateQuota': ({ Tenant }) => ({ tenantId: Tenant }),
  'Subscription.storeHealthChanged': () => ({}),
  'Subscription.quotaChanged': () => ({}),
  'Subscription.contentChanged': () => ({}),
  'Subscription.generationJob': toJob,
  'Subscription.generationJobs': () => ({}),
}

/** Valid arguments for a field, if it needs any; those of a node's field begin with the way to it. */
export function argumentsOf({ name, type, field }: Coordinate, own: Ids): Values {
  const entry = entries[name]
  if (entry) return entry(own)
  if (!isRoot(type) && !isNode(type)) return sampleArgumentsOf(field)
  const via = new Map(Object.entries(own)).get(type.name)
  if (via === undefined) throw new Error(`${name} needs an entry`)
  return { via }
}

type Found = { id: string }[]

/** A tenant with one of everything, all of whose texts carry its name. */
export async function furnish(
  gateway: TestGateway,
  name: string,
): Promise<{ tenant: TestTenant; ids: Ids; spare: string }> {
  const tenant = await gateway.newTenant({
    name,
    users: (['owner', 'editor', 'viewer'] as const).map((role) => ({
      subject: `${role}@${name}`,
      displayName: `${name} ${role}`,
      role,
    })),
    brands: [{ name: `${name} brand`, campaignSpaces: [`${name} space`] }],
  })
  const [Content = '', spare = ''] = await createTestContents(gateway, tenant, 2, (index) => ({
    title: `${name} ${index}`,
    body: { format: 'TEXT' as const, raw: `${name} body ${index}` },
    metadata: { secret: name },
    externalRef: { system: 'crm', id: `${name}-${index}` },
  }))
  const { data } = await gateway.query<
    { node: { versions: { nodes: Found } }; auditEvents: { nodes: Found } },
    object
  >(
    tenant,
    `{ node(id: "${Content}") { ... on Content { versions { nodes { id } } } }
       auditEvents(subjectId: "${Content}") { nodes { id } } }`,
  )
  const ids = {
    Tenant: encodeGlobalId('Tenant', tenant.id),
    User: encodeGlobalId('User', tenant.users[0]?.id ?? ''),
    Brand: brandOf(tenant).brandId,
    CampaignSpace: brandOf(tenant).campaignSpaceId,
    AuditEvent: data?.auditEvents.nodes[0]?.id ?? '',
    Content,
    ContentVersion: data?.node.versions.nodes[0]?.id ?? '',
    BackupArchive: await plantArchive(gateway, tenant, name),
    RestoreJob: await plantRestore(gateway, tenant, name),
    ApiKey: (await createTestKey(gateway, tenant, { name })).id,
    Alert: await plantAlert(gateway, tenant, name),
    TrustedDocument: (await trustDocuments(gateway, tenant, [trustedSample]))[0]?.id ?? '',
    LlmKey: await setTestLlmKey(gateway, tenant, { label: name }),
    GenerationJob: await startJob(gateway, tenant, {
      ...brandOf(tenant),
      ...generationInput({ jobType: name }, { topics: [name], promptTemplate: `${name} {topic}` }),
    }),
  }
  return { tenant, ids, spare }
}
