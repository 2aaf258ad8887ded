import { builder } from '../../graphql/builder.ts'
import { listOf } from '../../graphql/list-size.ts'
import { StorageUsageObject } from '../quota/tenant-quota.graphql.ts'
import { BrandNode } from '../tenancy/tenancy.graphql.ts'
import { ContentTypeEnum } from './content-enums.graphql.ts'
import {
  sumUsageByBrand,
  sumUsageByType,
  type UsageOfBrand,
  type UsageOfType,
} from './sum-usage.ts'

const UsageByTypeObject = builder.objectRef<UsageOfType>('UsageByType').implement({
  description: 'What the live contents of one type take.',
  fields: (t) => ({
    type: t.expose('type', { type: ContentTypeEnum }),
    count: t.exposeInt('count'),
    bytes: t.expose('bytes', { type: 'BigInt' }),
  }),
})

const BrandUsageObject = builder.objectRef<UsageOfBrand>('BrandUsage').implement({
  description: 'What the live contents of one brand take.',
  fields: (t) => ({
    brand: t.field({
      type: BrandNode,
      nullable: true,
      description: 'Null for contents without a brand, and those of brands out of your reach.',
      resolve: ({ brandId }) => brandId,
    }),
    items: t.exposeInt('items'),
    bytes: t.expose('bytes', { type: 'BigInt' }),
  }),
})

builder.objectFields(StorageUsageObject, (t) => ({
  usageByType: t.field({
    type: [UsageByTypeObject],
    directives: listOf(10),
    description: 'Summed up when asked for, the largest first.',
    resolve: (_usage, _args, { reads }) => sumUsageByType(reads),
  }),
  usageByBrand: t.field({
    type: [BrandUsageObject],
    directives: listOf(10),
    description: 'Summed up when asked for, the largest first.',
    resolve: (_usage, _args, { reads, viewer }) => sumUsageByBrand(reads, viewer),
  }),
}))
