import { scopes } from '../../lib/viewer.ts'
import { builder } from '../../graphql/builder.ts'
import { idOf } from '../../graphql/global-id.ts'
import { listOf } from '../../graphql/list-size.ts'
import type { Brand } from './brand.entity.ts'
import type { CampaignSpace } from './campaign-space.entity.ts'
import {
  listBrands,
  loadBrands,
  loadCampaignSpaces,
  loadTenants,
  loadUsers,
} from './tenancy.loaders.ts'
import { planTiers, type Tenant } from './tenant.entity.ts'
import type { User } from './user.entity.ts'

export const PlanTierEnum = builder.enumType('PlanTier', {
  values: Object.fromEntries(planTiers.map((tier) => [tier.toUpperCase(), { value: tier }])),
})

export const ScopeEnum = builder.enumType('Scope', {
  description: 'What a viewer may do.',
  values: scopes,
})

export const TenantNode = builder.loadableNodeRef('Tenant', {
  id: { resolve: (tenant: Tenant) => tenant.id },
  load: (ids: string[], context) => loadTenants(context, ids),
})
TenantNode.implement({
  fields: (t) => ({
    databaseId: t.expose('id', { type: 'UUID' }),
    name: t.exposeString('name'),
    planTier: t.expose('planTier', { type: PlanTierEnum }),
  }),
})

export const BrandNode = builder.loadableNodeRef('Brand', {
  id: { resolve: (brand: Brand) => brand.id },
  load: (ids: string[], context) => loadBrands(context, ids),
})
BrandNode.implement({
  fields: (t) => ({
    databaseId: t.expose('id', { type: 'UUID' }),
    name: t.exposeString('name'),
    voice: t.exposeString('voice', {
      nullable: true,
      description: 'How its texts are to sound, as models are told.',
    }),
    forbiddenWords: t.exposeStringList('forbiddenWords', {
      description: 'Words and phrases that generated texts must not use.',
    }),
  }),
})

export const UserNode = builder.loadableNodeRef('User', {
  id: { resolve: (user: User) => user.id },
  load: (ids: string[], context) => loadUsers(context, ids),
})
UserNode.implement({
  fields: (t) => ({
    databaseId: t.expose('id', { type: 'UUID' }),
    displayName: t.exposeString('displayName'),
  }),
})

export const CampaignSpaceNode = builder.loadableNodeRef('CampaignSpace', {
  id: { resolve: (space: CampaignSpace) => space.id },
  load: (ids: string[], context) => loadCampaignSpaces(context, ids),
})
CampaignSpaceNode.implement({
  fields: (t) => ({
    databaseId: t.expose('id', { type: 'UUID' }),
    name: t.exposeString('name'),
    brand: t.field({ type: BrandNode, resolve: (space) => space.brandId }),
  }),
})

export const ViewerObject = builder.objectRef<object>('Viewer').implement({
  description: 'Who is asking, and what they may do.',
  fields: (t) => ({
    user: t.field({
      type: UserNode,
      nullable: true,
      description: 'Null for a key.',
      resolve: (_viewer, _args, { viewer }) => viewer.userId,
    }),
    tenant: t.field({ type: TenantNode, resolve: (_viewer, _args, { tenantId }) => tenantId }),
    brands: t.field({
      type: [BrandNode],
      directives: listOf(10),
      description: 'The brands you work for, by name; the first hundred.',
      resolve: (_viewer, _args, context) => listBrands(context),
    }),
    scopes: t.field({
      type: [ScopeEnum],
      resolve: (_viewer, _args, { viewer }) => [...viewer.scopes],
    }),
  }),
})

builder.queryField('viewer', (t) =>
  t.field({
    type: ViewerObject,
    nullable: true,
    // Whoever is known may ask who they are.
    directives: { semanticNonNull: {}, tag: { name: 'partner' } },
    authScopes: () => true,
    resolve: () => ({}),
  }),
)

builder.queryField('campaignSpace', (t) =>
  t.field({
    type: CampaignSpaceNode,
    nullable: true,
    authScopes: { scope: 'CONTENT_READ' },
    args: { id: t.arg.id({ required: true }) },
    resolve: (_root, { id }) => idOf('CampaignSpace', id),
  }),
)
