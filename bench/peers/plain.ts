import { zstdDecompressSync } from 'node:zlib'
import { defineEntity, type EntityManager, MikroORM, p } from '@mikro-orm/postgresql'
import SchemaBuilder from '@pothos/core'
import RelayPlugin, {
  resolveCursorConnection,
  type ResolveCursorConnectionArgs,
} from '@pothos/plugin-relay'
import DataLoader from 'dataloader'
import { createYoga } from 'graphql-yoga'
import { serve } from '../serve.ts'
import { createTenantOf, readSettings } from './peer.ts'

/**
 * The stack that most would write: Yoga, Pothos, MikroORM's `em.find` and a DataLoader for the bodies.
 * No cache, no checksum, no deadline.
 */
const settings = readSettings()
const { zerodb } = settings

const ContentSchema = defineEntity({
  name: 'Content',
  tableName: 'content_items',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    title: p.text(),
    contentType: p.text(),
    status: p.text(),
    tags: p.array(),
    preview: p.text(),
    zerodbId: p.uuid(),
    createdAt: p.datetime(3),
    updatedAt: p.datetime(3),
    deletedAt: p.datetime(3).nullable(),
  },
})
class Content extends ContentSchema.class {}
ContentSchema.setClass(Content)

const orm = await MikroORM.init({
  clientUrl: settings.readerUrl,
  entities: [Content],
  ensureDatabase: false,
  pool: { max: 10 },
})

interface Context {
  tenantId: string
  em: EntityManager
  bodies: DataLoader<string, string>
}

interface BodyRow {
  row_data: { id: string; content_body: string; storage_metadata: { encoding: string } }
}

/** The bodies in the order of their ids. */
async function loadBodies(tenantId: string, ids: readonly string[]): Promise<(string | Error)[]> {
  const path = `/api/v1/projects/${zerodb.projectId}/database/tables/content_items/query`
  const response = await fetch(`${zerodb.url}${path}`, {
    method: 'POST',
    headers: { 'x-api-key': zerodb.apiKey, 'content-type': 'application/json' },
    body: JSON.stringify({ filter: { id: { $in: ids }, tenant_id: tenantId }, limit: 1000 }),
  })
  if (!response.ok) throw new Error(`ZeroDB answered ${response.status}`)
  const { data } = (await response.json()) as { data: BodyRow[] }
  const found = new Map(data.map(({ row_data: row }) => [row.id, unpack(row)]))
  return ids.map((id) => found.get(id) ?? new Error(`there is no body ${id}`))
}

function unpack({ content_body: body, storage_metadata: { encoding } }: BodyRow['row_data']) {
  if (encoding !== 'zstd+base64') return body
  return zstdDecompressSync(Buffer.from(body, 'base64')).toString()
}

const builder = new SchemaBuilder<{
  Context: Context
  DefaultFieldNullability: false
  Scalars: { DateTime: { Input: Date; Output: Date }; ID: { Input: string; Output: string } }
}>({
  plugins: [RelayPlugin],
  defaultFieldNullability: false,
  relay: { nodesOnConnection: true },
})

builder.scalarType('DateTime', { serialize: (date) => date.toISOString() })

const ContentTypeEnum = builder.enumType('ContentType', {
  values: enumValues(['post', 'story', 'ad', 'article', 'tweet', 'video', 'reel']),
})
const ContentStatusEnum = builder.enumType('ContentStatus', {
  values: enumValues(['draft', 'scheduled', 'published', 'archived']),
})

function enumValues(names: readonly string[]) {
  return Object.fromEntries(names.map((name) => [name.toUpperCase(), { value: name }]))
}

const ContentBodyObject = builder.objectRef<string>('ContentBody').implement({
  fields: (t) => ({ raw: t.string({ resolve: (raw) => raw }) }),
})

const ContentNode = builder.objectType(Content, {
  name: 'Content',
  fields: (t) => ({
    id: t.exposeID('id'),
    title: t.exposeString('title'),
    type: t.expose('contentType', { type: ContentTypeEnum }),
    status: t.expose('status', { type: ContentStatusEnum }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime' }),
    tags: t.exposeStringList('tags'),
    preview: t.exposeString('preview'),
    body: t.field({
      type: ContentBodyObject,
      resolve: ({ zerodbId }, _args, { bodies }) => bodies.load(zerodbId),
    }),
  }),
})

builder.queryType({
  fields: (t) => ({
    contents: t.connection({
      type: ContentNode,
      resolve: (_root, args, { em, tenantId }) =>
        resolveCursorConnection(
          { args, toCursor: ({ createdAt, id }: Content) => `${createdAt.toISOString()} ${id}` },
          ({ after, limit }: ResolveCursorConnectionArgs) =>
            em.find(
              Content,
              { tenantId, deletedAt: null, ...(after !== undefined && isBefore(after)) },
              { orderBy: { createdAt: 'desc', id: 'desc' }, limit },
            ),
        ),
    }),
  }),
})

function isBefore(cursor: string) {
  const [time = '', id = ''] = cursor.split(' ')
  const createdAt = new Date(time)
  return {
    createdAt: { $lte: createdAt },
    $or: [{ createdAt: { $lt: createdAt } }, { id: { $lt: id } }],
  }
}

const tenantOf = createTenantOf(settings)

await serve(
  createYoga({
    schema: builder.toSchema(),
    graphiql: false,
    landingPage: false,
    context: async ({ request }): Promise<Context> => {
      const tenantId = await tenantOf(request.headers.get('authorization'))
      return {
        tenantId,
        em: orm.em.fork(),
        bodies: new DataLoader((ids) => loadBodies(tenantId, ids)),
      }
    },
  }),
)
