import type { IncomingMessage } from 'node:http'
import type { GraphQLSchema } from 'graphql'
import { createUsageRecorder, type UsageRecorder } from '../features/partners/record-usage.ts'
import { type AccessAudit, createAccessAudit } from '../features/tenancy/record-access.ts'
import { createTrustedTexts, type TrustedTexts } from '../features/partners/trusted-texts.ts'
import { contractOf } from '../graphql/contract.ts'
import type { Origin, Viewer } from '../lib/viewer.ts'
import type { Services } from '../platform/services.ts'
import { type Admission, createAdmission } from './admission.ts'
import { type Authenticate, createAuthenticate } from './authenticate.ts'
import { createPrepareOperation, type PrepareOperation } from './prepare-operation.ts'
import { type Profile, profileOf } from './profile.ts'
import { createOriginOf } from './request-origin.ts'
import { createRateLimits, type RateLimits } from './rate-limits.ts'

/** A schema, and what is parsed and validated against it already. */
export interface Api {
  schema: GraphQLSchema
  prepareOperation: PrepareOperation
}

/** What every way to the API shares: the schema as each viewer sees it, who may begin, and who is known already. */
export interface Endpoint {
  originOf(request: IncomingMessage): Origin
  services: Services
  profile: Profile
  admission: Admission
  authenticate: Authenticate
  rateLimits: RateLimits
  accessAudit: AccessAudit
  usage: UsageRecorder
  /** A key is held to the partners' contract; people see everything, and are told which scope they lack. */
  apiFor(viewer: Viewer): Api
  trustedTexts: TrustedTexts
}

export function createEndpoint(schema: GraphQLSchema, services: Services): Endpoint {
  const profile = profileOf(services.config)
  const whole = createApi(schema, profile)
  const partners = createApi(contractOf(schema, 'partner'), profile)
  return {
    services,
    profile,
    originOf: createOriginOf(services.config.TRUSTED_PROXIES),
    admission: createAdmission(services.database),
    authenticate: createAuthenticate(services),
    rateLimits: createRateLimits(services.config),
    trustedTexts: createTrustedTexts(services),
    apiFor: ({ apiKey }) => (apiKey ? partners : whole),
    accessAudit: createAccessAudit(services),
    usage: createUsageRecorder(services),
  }
}

function createApi(schema: GraphQLSchema, profile: Profile): Api {
  return { schema, prepareOperation: createPrepareOperation(schema, profile) }
}
