import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'
import { createEndpoint } from '../../src/app/endpoint.ts'
import { toSchema } from '../../src/app/schema.ts'
import { type Context, createContext } from '../../src/graphql/context.ts'
import { newAccess } from '../../src/lib/access.ts'
import { newPlan } from '../../src/platform/plan.ts'
import { openGatewayServices } from '../services.ts'
import { announce } from '../serve.ts'
import { readSettings } from './peer.ts'

/**
 * The gateway with Apollo Server in the place of its executor and its HTTP: the same schema, resolvers,
 * services and cache, the viewer found the same way. Nothing is priced, timed or told.
 */
const { cacheMb, ...settings } = readSettings()
const services = await openGatewayServices(settings, {
  BODY_CACHE_MB: String(cacheMb),
  RATE_LIMIT_POINTS: '0',
})
const schema = toSchema()
const { authenticate, rateLimits, originOf } = createEndpoint(schema, services)
/** Nobody is asked for points here. */
const free = { cost: 0, fixed: 0, nodes: 0 }

const server = new ApolloServer<Context>({ schema, introspection: false })
const { url } = await startStandaloneServer(server, {
  listen: { port: 0, host: '127.0.0.1' },
  context: async ({ req }) => {
    const origin = originOf(req)
    const plan = newPlan()
    const { authorization } = req.headers
    const bearer = await authenticate({ authorization, ip: origin.ip }, { plan })
    if (!bearer) throw new Error('The token is no good.')
    const { viewer } = bearer
    const charge = rateLimits.charge(viewer, free)
    if ('error' in charge) throw charge.error
    const signal = new AbortController().signal
    return createContext(services, { viewer, signal, plan, charge, access: newAccess(), origin })
  },
})
announce(new URL(url).origin)
