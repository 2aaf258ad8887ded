import { defineEntity, p } from '@mikro-orm/postgresql'
import type { ModelProvider } from '../../platform/models.ts'

export const LlmKeySchema = defineEntity({
  name: 'LlmKey',
  tableName: 'llm_keys',
  properties: {
    tenantId: p.uuid().primary(),
    id: p.uuid().primary(),
    provider: p.text().$type<ModelProvider>(),
    /** What its owner calls it; unique within the provider. */
    label: p.text(),
    /** The end of the secret, to tell keys apart by. */
    last4: p.text(),
    dataKeyId: p.uuid(),
    /** For the vault; `open-llm-key.ts` alone selects it. */
    sealedSecret: p.text(),
    createdByUserId: p.uuid().nullable(),
    createdAt: p.datetime(3),
    /** To the minute; null until the present secret has been used. */
    lastUsedAt: p.datetime(3).nullable(),
    /** When its provider last refused the present secret. */
    rejectedAt: p.datetime(3).nullable(),
  },
})

/** A tenant's own key to a provider of models (E-207). */
export class LlmKey extends LlmKeySchema.class {}
LlmKeySchema.setClass(LlmKey)
