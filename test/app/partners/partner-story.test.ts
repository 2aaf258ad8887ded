import { ApolloClient, HttpLink, InMemoryCache } from '@apollo/client/core'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { generate } from '@graphql-codegen/cli'
import { preset } from '@graphql-codegen/client-preset'
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { Client, fetchExchange } from '@urql/core'
import { persistedExchange } from '@urql/exchange-persisted'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { createTestKey } from '../../support/api-keys.ts'
import { brandOf, createTestContents } from '../../support/contents.ts'
import { folderOf } from '../../support/folder.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { trustDocuments } from '../../support/trusted-documents.ts'

const contract = resolve('contracts/partner.graphql')

interface Page {
  contents: {
    nodes: { title: string; status: string; body: { raw: string } | null }[]
    pageInfo: { hasNextPage: boolean; endCursor: string | null }
  }
}
type PageDocument = TypedDocumentNode<Page, { first: number; after: string | null }>

const documents = `
  import { graphql } from './gql/gql'
  export const pageDocument = graphql(\`
    query PageOfContents($first: Int!, $after: String) {
      contents(first: $first, after: $after) {
        nodes { __typename id title status body { raw } }
        pageInfo { hasNextPage endCursor }
      }
    }
  \`)
`

/** What graphql-codegen makes of the partner's documents: the documents with their ids, and all texts by id. */
async function generateDocuments(path: string) {
  await generate(
    {
      cwd: path,
      schema: contract,
      documents: 'documents.ts',
      silent: true,
      generates: {
        [join(path, 'gql/')]: {
          preset,
          presetConfig: { persistedDocuments: { hashAlgorithm: 'sha256' } },
        },
      },
    },
    true,
  )
  const texts = await readTexts(join(path, 'gql/persisted-documents.json'))
  const generated = (await import(join(path, 'gql/graphql.ts'))) as {
    PageOfContentsDocument: PageDocument
  }
  return { texts, pageDocument: generated.PageOfContentsDocument }
}

/** Texts by their ids. */
async function readTexts(file: string): Promise<Record<string, string>> {
  return JSON.parse(await readFile(file, 'utf8')) as Record<string, string>
}

/** Registers texts, each of which must get the id that the tool has given it. */
async function expectTrusted(
  gateway: TestGateway,
  tenant: TestTenant,
  texts: Readonly<Record<string, string>>,
) {
  const trusted = await trustDocuments(gateway, tenant, Object.values(texts))
  // Some tools name the hash with the id.
  const ids = Object.keys(texts).map((id) => id.replace(/^sha256:/, ''))
  expect(trusted.map(({ documentId }) => documentId)).toEqual(ids)
}

/** The id that graphql-codegen has put on a document. */
function idOf(document: unknown): string {
  return (document as { __meta__: { hash: string } }).__meta__.hash
}

type Ask = (variables: { first: number; after: string | null }) => Promise<Page | null | undefined>

function apolloClient({ url }: TestGateway, key: string, document: PageDocument): Ask {
  const http = new HttpLink({ uri: url, headers: { authorization: `Bearer ${key}` } })
  const persisted = new PersistedQueryLink({
    generateHash: (asked) => Promise.resolve(idOf(asked)),
    retry: () => false,
  })
  const client = new ApolloClient({ cache: new InMemoryCache(), link: persisted.concat(http) })
  return async (variables) => (await client.query({ query: document, variables })).data
}

function urqlClient({ url }: TestGateway, key: string, document: PageDocument): Ask {
  const client = new Client({
    url,
    preferGetMethod: false,
    fetchOptions: { headers: { authorization: `Bearer ${key}` } },
    exchanges: [
      persistedExchange({
        enforcePersistedQueries: true,
        preferGetForPersistedQueries: false,
        generateHash: (_text, asked) => Promise.resolve(idOf(asked)),
      }),
      fetchExchange,
    ],
  })
  return async (variables) => {
    const { data, error } = await client.query(document, variables)
    expect(error).toBeUndefined()
    return data
  }
}

async function readAll(ask: Ask): Promise<Page['contents']['nodes']> {
  const nodes: Page['contents']['nodes'] = []
  for (let after: string | null = null; ;) {
    const page = await ask({ first: 7, after })
    if (!page) throw new Error('no page')
    nodes.push(...page.contents.nodes)
    if (!page.contents.pageInfo.hasNextPage) return nodes
    after = page.contents.pageInfo.endCursor
  }
}

test('a partner generates documents, has them trusted, and pages through all that is published', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const published = await createTestContents(gateway, tenant, 40, (index) => ({
    title: `Published ${index}`,
    body: { format: 'TEXT' as const, raw: `Body ${index}` },
    status: 'PUBLISHED' as const,
  }))
  await createTestContents(gateway, tenant, 9, (index) => ({ title: `Draft ${index}` }))
  const key = await createTestKey(gateway, tenant, { trustedDocumentsOnly: true })

  await using folder = await folderOf({ 'documents.ts': documents })
  const { texts, pageDocument } = await generateDocuments(folder.path)
  await expectTrusted(gateway, tenant, texts)

  for (const createClient of [apolloClient, urqlClient]) {
    const nodes = await readAll(createClient(gateway, key.secret, pageDocument))
    expect(nodes).toHaveLength(published.length)
    expect(new Set(nodes.map(({ title }) => title)).size).toBe(published.length)
    for (const { title, status, body } of nodes) {
      expect(status).toBe('PUBLISHED')
      expect(body).toMatchObject({ raw: title.replace('Published', 'Body') })
    }
  }

  const own = await gateway.query(key.secret, '{ viewer { tenant { name } } }')
  expect(own.errors?.map(({ extensions }) => extensions?.['code'])).toEqual([
    'TRUSTED_DOCUMENTS_ONLY',
  ])
}, 120_000)

const relaySource = `
  import { graphql } from 'relay-runtime'
  export const query = graphql\`
    query StoriesQuery($count: Int!, $cursor: String) {
      viewer { tenant { id name } brands { ...Stories_brand } }
      ...Stories_contents @arguments(count: $count, cursor: $cursor)
    }
  \`
  export const contents = graphql\`
    fragment Stories_contents on Query
    @argumentDefinitions(count: { type: "Int!" }, cursor: { type: "String" })
    @refetchable(queryName: "StoriesPageQuery") {
      contents(first: $count, after: $cursor) @connection(key: "Stories_contents") {
        edges { node { id title body { raw } ...Stories_content } }
      }
    }
  \`
  export const brand = graphql\`
    fragment Stories_brand on Brand
    @argumentDefinitions(count: { type: "Int", defaultValue: 5 }, cursor: { type: "String" })
    @refetchable(queryName: "StoriesBrandQuery") {
      name
      contents(first: $count, after: $cursor) @connection(key: "Stories_brand_contents") {
        edges { node { id title } }
      }
    }
  \`
  export const content = graphql\`
    fragment Stories_content on Content @refetchable(queryName: "StoriesContentQuery") {
      title
      tags
    }
  \`
`

test("Relay's compiler takes connections and node as its own, and what it makes is answered by id", async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [content] = await createTestContents(gateway, tenant, 3, (index) => ({
    title: `Published ${index}`,
    status: 'PUBLISHED' as const,
  }))
  const key = await createTestKey(gateway, tenant, { trustedDocumentsOnly: true })

  await using folder = await folderOf({
    'src/Stories.ts': relaySource,
    'persisted.json': '{}',
    'relay.config.json': JSON.stringify({
      src: './src',
      schema: contract,
      language: 'typescript',
      persistConfig: { file: './persisted.json', algorithm: 'SHA256' },
    }),
  })
  await promisify(execFile)(resolve('node_modules/.bin/relay-compiler'), ['relay.config.json'], {
    cwd: folder.path,
  })
  const texts = await readTexts(join(folder.path, 'persisted.json'))
  await expectTrusted(gateway, tenant, texts)

  const variables = { count: 2, cursor: null, id: content }
  for (const [documentId, text] of Object.entries(texts)) {
    const response = await fetch(gateway.url, {
      method: 'POST',
      headers: { authorization: `Bearer ${key.secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        documentId,
        variables: text.startsWith('query StoriesBrandQuery')
          ? { ...variables, id: brandOf(tenant).brandId }
          : variables,
      }),
    })
    expect(response.status).toBe(200)
    const { errors } = (await response.json()) as { errors?: unknown }
    expect(errors).toBeUndefined()
  }
}, 120_000)
