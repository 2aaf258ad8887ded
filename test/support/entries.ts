import { encodeGlobalId } from '../../src/graphql/global-id.ts'
import { brandOf, createTestContents } from './contents.ts'
import type { TestGateway, TestTenant } from './gateway.ts'
import type { Coordinate, Values } from './schema-walk.ts'

export const nodeTypes = [
  'Tenant',
  'User',
  'Brand',
  'CampaignSpace',
  'Content',
  'ContentVersion',
] as const
export type NodeType = (typeof nodeTypes)[number]

/** One id of each node type. */
export type Ids = Record<NodeType, string>

const sampleInput = { title: 'Sample', body: { format: 'TEXT', raw: 'Sample' } }

/** Valid arguments for every field that an operation can begin with. */
export const entries: Record<string, (own: Ids) => Values> = {
  'Query.viewer': () => ({}),
  'Query.node': ({ Content }) => ({ id: Content }),
  'Query.nodes': ({ Content }) => ({ ids: [Content] }),
  'Query.content': ({ Content }) => ({ ref: { id: Content } }),
  'Query.contents': () => ({}),
  'Query.campaignSpace': ({ CampaignSpace }) => ({ id: CampaignSpace }),
  'Mutation.createContent': () => ({ input: sampleInput }),
  'Mutation.createContents': () => ({ inputs: [sampleInput], errorPolicy: 'REJECT_ALL' }),
  'Mutation.upsertContent': ({ Content }) => ({ ref: { id: Content }, input: sampleInput }),
}

/** Valid arguments for a field; those of a node's field begin with the way to it. */
export function argumentsOf({ name, type }: Coordinate, own: Ids): Values {
  const entry = entries[name]
  if (entry) return entry(own)
  const via = new Map(Object.entries(own)).get(type.name)
  if (via === undefined) throw new Error(`${name} needs an entry`)
  return { via }
}

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
  const { data } = await gateway.query<{ node: { versions: { nodes: { id: string }[] } } }, object>(
    tenant,
    `{ node(id: "${Content}") { ... on Content { versions { nodes { id } } } } }`,
  )
  const ids = {
    Tenant: encodeGlobalId('Tenant', tenant.id),
    User: encodeGlobalId('User', tenant.users[0]?.id ?? ''),
    Brand: brandOf(tenant).brandId,
    CampaignSpace: brandOf(tenant).campaignSpaceId,
    Content,
    ContentVersion: data?.node.versions.nodes[0]?.id ?? '',
  }
  return { tenant, ids, spare }
}
