import { postgraphile } from 'postgraphile'
import { makePgService } from 'postgraphile/adaptors/pg'
import { grafserv } from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'
import { serve } from '../serve.ts'
import { createTenantOf, readSettings } from './peer.ts'

/**
 * PostGraphile over a table that has the bodies as well: one SQL statement is all a page takes. The tenant
 * is told to row-level security with each.
 */
const settings = readSettings()
const tenantOf = createTenantOf(settings)

const instance = postgraphile({
  extends: [PostGraphileAmberPreset],
  pgServices: [
    makePgService({
      connectionString: settings.oneStoreUrl,
      schemas: ['one_store'],
      poolConfig: { max: 10 },
    }),
  ],
  grafserv: { graphqlPath: '/graphql', graphiql: false, watch: false },
  grafast: {
    context: async ({ node }) => ({
      pgSettings: {
        'one_store.tenant_id': await tenantOf(node?.req.headers.authorization),
      },
    }),
  },
})

const server = instance.createServ(grafserv)
await serve(server.createHandler())
