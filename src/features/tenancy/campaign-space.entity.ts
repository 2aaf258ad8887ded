import { defineEntity, p } from '@mikro-orm/postgresql'

export const CampaignSpaceSchema = defineEntity({
  name: 'CampaignSpace',
  tableName: 'campaign_spaces',
  properties: {
    tenantId: p.uuid().primary(),
    id: p.uuid().primary(),
    brandId: p.uuid(),
    name: p.text(),
    createdAt: p.datetime(3),
  },
})

/** A campaign of one brand and the contents gathered for it. */
export class CampaignSpace extends CampaignSpaceSchema.class {}
CampaignSpaceSchema.setClass(CampaignSpace)
