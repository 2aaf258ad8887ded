import { defineEntity, p } from '@mikro-orm/postgresql'

const BrandMemberSchema = defineEntity({
  name: 'BrandMember',
  tableName: 'brand_members',
  properties: {
    tenantId: p.uuid().primary(),
    brandId: p.uuid().primary(),
    userId: p.uuid().primary(),
    createdAt: p.datetime(3),
  },
})

/** Lets a user who is not an owner see and work on a brand. */
export class BrandMember extends BrandMemberSchema.class {}
BrandMemberSchema.setClass(BrandMember)
