import { expect, test } from 'vitest'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import type { DiffFormat } from '../../support/gql/graphql.ts'
import { createVersions } from '../../support/versions.ts'
import { draft, upsertOne } from '../../support/writes.ts'

const diffVersions = graphql(`
  query DiffVersions($id: ID!, $number: Int!, $against: Int!, $format: DiffFormat!) {
    content(ref: { id: $id }) {
      versionByNumber(number: $number) {
        diff(against: $against, format: $format) {
          from
          to
          format
          patch
          text
          addedChars
          removedChars
          changedFields
        }
      }
    }
  }
`)

/** Version 1 and 2 of one content differ in title, tags and a line of the body. */
async function createPair(gateway: TestGateway, tenant: TestTenant): Promise<string> {
  const ref = { externalRef: { system: 'diff', id: 'one' } }
  const write = (title: string, tags: string[], raw: string) =>
    upsertOne(gateway, tenant, ref, draft({ title, tags, body: { format: 'MARKDOWN', raw } }))
  await write('Old title', ['a'], 'First line.\nThe quick brown fox.\nLast line.\n')
  const answer = await write('New title', [], 'First line.\nThe slow brown 🦊.\nLast line.\n')
  if (answer.__typename !== 'ContentSuccess') throw new Error(JSON.stringify(answer))
  return answer.content.id
}

test('two versions are told apart as a JSON patch, as a git patch and word by word', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await createPair(gateway, tenant)
  const ask = async (format: DiffFormat, number = 2, against = 1) => {
    const { data, errors } = await gateway.query(tenant, diffVersions, {
      id,
      number,
      against,
      format,
    })
    expect(errors).toBeUndefined()
    return data?.content?.versionByNumber?.diff
  }

  const common = {
    from: 1,
    to: 2,
    addedChars: 5,
    removedChars: 8,
    changedFields: ['title', 'metadata.tags', 'body'],
  }
  expect(await ask('JSON_PATCH')).toEqual({
    ...common,
    format: 'JSON_PATCH',
    text: null,
    patch: [
      { op: 'replace', path: '/title', value: 'New title' },
      { op: 'replace', path: '/metadata/tags', value: [] },
      {
        op: 'replace',
        path: '/body/raw',
        value: 'First line.\nThe slow brown 🦊.\nLast line.\n',
      },
    ],
  })
  expect(await ask('WORDS')).toEqual({
    ...common,
    format: 'WORDS',
    patch: null,
    text: 'First line.\nThe [-quick-]{+slow+} brown [-fox-]{+🦊+}.\nLast line.\n',
  })
  const unified = await ask('UNIFIED')
  expect(unified).toMatchObject({ ...common, format: 'UNIFIED', patch: null })
  expect(unified?.text).toContain('-  "title": "Old title",\n+  "title": "New title",\n')
  expect(unified?.text).toContain(
    [
      'diff --git a/body b/body',
      '--- a/body',
      '+++ b/body',
      '@@ -1,3 +1,3 @@',
      ' First line.',
      '-The quick brown fox.',
      '+The slow brown 🦊.',
      ' Last line.',
      '',
    ].join('\n'),
  )
  expect(await ask('WORDS', 1, 2)).toMatchObject({ from: 2, to: 1, addedChars: 8, removedChars: 5 })
  expect(await ask('UNIFIED', 2, 2)).toMatchObject({ text: '', addedChars: 0, changedFields: [] })
})

test('a version to compare with that does not exist is an error that names it', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await createPair(gateway, tenant)

  const variables = { id, number: 2, against: 7, format: 'WORDS' } as const
  const { data, errors } = await gateway.query(tenant, diffVersions, variables)

  expect(data?.content?.versionByNumber).toEqual({ diff: null })
  expect(errors).toHaveLength(1)
  expect(errors?.[0]).toMatchObject({
    message: 'against: this content has no version 7.',
    extensions: { code: 'BAD_USER_INPUT' },
  })
})

const diffPage = graphql(`
  query DiffPage($format: DiffFormat!) {
    contents {
      nodes {
        versions {
          nodes {
            diff(against: 1, format: $format) {
              text
              addedChars
            }
          }
        }
      }
    }
  }
`)

test('diffs of a page of versions cost one request for entries and one for bodies', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  for (let n = 0; n < 5; n++) await createVersions(gateway, tenant, `${n}`, ['one', 'two', 'three'])
  await using cold = await gateway.startTwin()

  const { data, errors } = await cold.query(tenant, diffPage, { format: 'WORDS' })

  expect(errors).toBeUndefined()
  const [content] = data?.contents.nodes ?? []
  expect(content?.versions.nodes.map(({ diff }) => diff?.text)).toEqual([
    '[-one-]{+three+}',
    '[-one-]{+two+}',
    'one',
  ])
  expect(gateway.zerodb.calls).toHaveLength(2)
})

test('one operation compares only so much, and says so', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const large = (name: string) => `${name}\n`.repeat(300_000)
  for (let n = 0; n < 4; n++) {
    await createVersions(gateway, tenant, `${n}`, [large('abc'), large('abd'), large('abe')])
  }

  const { data, errors } = await gateway.query(tenant, diffPage, { format: 'UNIFIED' })

  const diffs = data?.contents.nodes.flatMap(({ versions }) => versions.nodes) ?? []
  expect(diffs).toHaveLength(12)
  expect(diffs.filter(({ diff }) => diff?.text != null).length).toBeGreaterThan(0)
  expect(errors?.length).toBeGreaterThan(0)
  for (const { message, extensions } of errors ?? []) {
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT' })
    expect(message).toContain('ask for fewer diffs')
  }
})
