import type { Config } from '../platform/config.ts'

/** What an instance shows of itself: much while one develops, and in production what clients need. */
export interface Profile {
  /** Whoever asks is told the schema, and with a mistake also similar names. */
  showsSchema: boolean
  showsGraphiql: boolean
  /** Queries may come in the address, where proxies and histories keep them. */
  answersGet: boolean
  /** Browsers that came once by TLS are to come by nothing else. */
  insistsOnTls: boolean
}

export function profileOf({ production, INTROSPECTION, GRAPHIQL }: Config): Profile {
  const showsSchema = INTROSPECTION ?? !production
  return {
    showsSchema,
    showsGraphiql: GRAPHIQL ?? showsSchema,
    answersGet: !production,
    insistsOnTls: production,
  }
}
