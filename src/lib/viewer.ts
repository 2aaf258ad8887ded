/** What a viewer may do; every root field of the schema names the scopes it needs. */
export const scopes = [
  'CONTENT_READ',
  'CONTENT_READ_DRAFT',
  'CONTENT_WRITE',
  'CONTENT_PUBLISH',
  'CONTENT_DELETE',
  'CONTENT_PURGE',
  'VERSION_READ',
  'VERSION_RESTORE',
  'GENERATE',
  'QUOTA_READ',
  'LLMKEY_MANAGE',
  'APIKEY_MANAGE',
  'BRAND_MANAGE',
  'ANALYTICS_READ',
  'BACKUP_READ',
  'BACKUP_RESTORE',
  'OPS_READ',
  'OPS_WRITE',
] as const

export type Scope = (typeof scopes)[number]

export const roles = ['owner', 'editor', 'viewer'] as const
export type Role = (typeof roles)[number]

const viewerScopes: readonly Scope[] = [
  'CONTENT_READ',
  'CONTENT_READ_DRAFT',
  'VERSION_READ',
  'QUOTA_READ',
  'ANALYTICS_READ',
]

/** What each role holds; a token may narrow it, never widen it. */
export const scopesOfRole: Record<Role, ReadonlySet<Scope>> = {
  owner: new Set(scopes),
  editor: new Set([
    ...viewerScopes,
    'CONTENT_WRITE',
    'CONTENT_PUBLISH',
    'CONTENT_DELETE',
    'VERSION_RESTORE',
    'GENERATE',
  ]),
  viewer: new Set(viewerScopes),
}

/** What a partner's key may hold at most. */
export const keyScopes = [
  'CONTENT_READ',
  'CONTENT_READ_DRAFT',
  'CONTENT_WRITE',
  'CONTENT_PUBLISH',
  'CONTENT_DELETE',
  'VERSION_READ',
  'QUOTA_READ',
  'ANALYTICS_READ',
] as const satisfies readonly Scope[]

/** Where bodies are read from; `auto` is ZeroDB, and the recovery copy while ZeroDB is away. */
export const readModes = ['auto', 'primary', 'fallback', 'metadata_only'] as const
export type ReadMode = (typeof readModes)[number]

/** A partner's key, and what it is held to beyond its scopes and brands. */
export interface KeyGrant {
  readonly id: string
  /** Cost points that its bucket holds. */
  readonly costLimit: number
  readonly trustedDocumentsOnly: boolean
}

/** Who asks, as PostgreSQL knows them at this moment. */
export interface Viewer {
  readonly tenantId: string
  /** Null for a key, and for the gateway's own work, e.g. publishing what is due. */
  readonly userId: string | null
  /** Null for people, and for the gateway's own work. */
  readonly apiKey: KeyGrant | null
  readonly scopes: ReadonlySet<Scope>
  /** The brands whose contents are within reach; null means every brand of the tenant. */
  readonly brandIds: readonly string[] | null
  /** Of the tenant. */
  readonly readMode: ReadMode
}

/** Where a change came from; every audit event names it. */
export interface Origin {
  /** As in the `x-request-id` of the answer, or `task:<name>`. */
  readonly requestId: string
  /** Null for the gateway's own work. */
  readonly ip: string | null
  /** The partner's key that asked; null for people, and for the gateway's own work. */
  readonly apiKeyId: string | null
}
