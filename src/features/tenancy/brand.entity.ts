import { defineEntity, p } from '@mikro-orm/postgresql'

export const BrandSchema = defineEntity({
  name: 'Brand',
  tableName: 'brands',
  properties: {
    tenantId: p.uuid().primary(),
    id: p.uuid().primary(),
    name: p.text(),
    /** How its texts are to sound; null when nobody has said. */
    voice: p.text().nullable(),
    /** What its texts must not say. */
    forbiddenWords: p.array(),
    createdAt: p.datetime(3),
  },
})

/** What contents are made for; people see the brands they belong to (E-010). */
export class Brand extends BrandSchema.class {}
BrandSchema.setClass(Brand)
