import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { findFiles } from '../../../src/app/import/find-files.ts'
import { splitFrontMatter } from '../../../src/app/import/front-matter.ts'
import { sha256 } from '../../../src/lib/bytes.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { importFolder, reportOf } from './import-folder.ts'

/** 501 articles that nobody wrote for this test, in ten languages; not part of the project. */
const blog = fileURLToPath(new URL('../../../../shared/data/nodejs-blog', import.meta.url))

const bodiesDocument = graphql(`
  query ImportedBodies($after: String) {
    contents(first: 100, after: $after, where: { status: [PUBLISHED], type: [ARTICLE] }) {
      nodes {
        externalRef {
          id
        }
        storage {
          checksum
        }
        body {
          raw
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`)

function readPage(gateway: TestGateway, tenant: TestTenant, after: string | null) {
  return gateway.query(tenant, bodiesDocument, { after })
}

/** The SHA-256 of every body by external id, as it is read back. */
async function storedBodies(gateway: TestGateway, tenant: TestTenant) {
  const stored = new Map<string | undefined, string>()
  let after: string | null | undefined
  do {
    const { data, errors } = await readPage(gateway, tenant, after ?? null)
    expect(errors).toBeUndefined()
    for (const { externalRef, body, storage } of data?.contents.nodes ?? []) {
      expect(storage.checksum).toBe(sha256(body?.raw ?? ''))
      stored.set(externalRef?.id, storage.checksum)
    }
    after = data?.contents.pageInfo.hasNextPage ? data.contents.pageInfo.endCursor : null
  } while (after != null)
  return stored
}

/** The SHA-256 of what follows the front matter of every file, by external id. */
async function sourceBodies(folder: string) {
  const files = await findFiles(folder)
  const entries = files.map(async ({ id, path }) => {
    const { fields, body } = splitFrontMatter(await readFile(path, 'utf8'))
    const slug = fields['slug']
    const name = typeof slug === 'string' ? id.replace(/[^/]*$/, slug) : id
    return [name, sha256(body)] as const
  })
  return Promise.all(entries)
}

test.skipIf(!existsSync(blog))(
  `a real blog goes in byte for byte, and a second run changes nothing (needs ${blog})`,
  async () => {
    await using gateway = await startGateway()
    const tenant = await gateway.newTenant()
    const run = (folder: string) => importFolder(gateway, tenant.tokens.editor, `${blog}/${folder}`)

    expect(await run('posts')).toEqual(reportOf(446, { created: 446 }))
    expect(await run('pages')).toEqual(reportOf(55, { created: 55 }))
    const sources = [
      ...(await sourceBodies(`${blog}/posts`)),
      ...(await sourceBodies(`${blog}/pages`)),
    ]
    // An instance with nothing in its memory: the bodies come from the store.
    await using twin = await gateway.startTwin()
    expect(await storedBodies(twin, tenant)).toEqual(new Map(sources))
    expect(sources).toHaveLength(501)

    expect(await run('posts')).toEqual(reportOf(446, { unchanged: 446, storedBytes: 0 }))
    expect(await run('pages')).toEqual(reportOf(55, { unchanged: 55, storedBytes: 0 }))
  },
  120_000,
)
