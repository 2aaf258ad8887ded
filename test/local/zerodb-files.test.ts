import { expect, test } from 'vitest'
import { apiKey, startZeroDb } from './support.ts'

/** Files are beside the database, not in it. */
async function startFiles() {
  const zerodb = await startZeroDb()
  const base = zerodb.base.replace(/database$/, 'files')
  const headers = { 'x-api-key': apiKey }
  return {
    ...zerodb,
    async send(method: string, path: string, body?: FormData | string) {
      const response = await fetch(base + path, { method, headers, ...(body && { body }) })
      return { status: response.status, body: Buffer.from(await response.arrayBuffer()) }
    },
  }
}

const json = ({ body }: { body: Buffer }) => JSON.parse(body.toString()) as Record<string, unknown>

function formOf(content: string, metadata?: string): FormData {
  const form = new FormData()
  form.set('file', new Blob([content]), 'größe.bin')
  if (metadata !== undefined) form.set('metadata', metadata)
  return form
}

test('a file is kept under an id of the server, described, downloaded and deleted', async () => {
  await using zerodb = await startFiles()
  const uploaded = await zerodb.send('POST', '/upload', formOf('a\0b\r\n--', '{"kind":"test"}'))
  const described = {
    file_id: expect.any(String) as string,
    name: 'größe.bin',
    size_bytes: 7,
    metadata: { kind: 'test' },
  }
  expect(uploaded.status).toBe(201)
  expect(json(uploaded)).toMatchObject(described)

  const path = `/${String(json(uploaded)['file_id'])}`
  expect(json(await zerodb.send('GET', path))).toEqual(json(uploaded))
  expect((await zerodb.send('GET', `${path}/content`)).body.toString()).toBe('a\0b\r\n--')
  expect(json(await zerodb.send('GET', '?skip=0&limit=10'))).toMatchObject({
    total: 1,
    has_more: false,
    data: [described],
  })
  expect((await zerodb.send('DELETE', `${path}?delete_from_storage=true`)).status).toBe(200)
  for (const [method, gone] of [
    ['GET', path],
    ['GET', `${path}/content`],
    ['DELETE', path],
  ] as const) {
    const answer = await zerodb.send(method, gone)
    expect([answer.status, json(answer)]).toEqual([404, { detail: 'File not found' }])
  }
})

test('an upload without a file, or that is no form, is refused', async () => {
  await using zerodb = await startFiles()
  const form = new FormData()
  form.set('metadata', '{}')
  for (const body of [form, '{"file_name":"a","file_content":"YQ=="}']) {
    const answer = await zerodb.send('POST', '/upload', body)
    expect(answer.status).toBe(422)
    expect(json(answer)).toMatchObject({ detail: [{ loc: ['body', 'file'] }] })
  }
  expect(json(await zerodb.send('GET', ''))).toMatchObject({ total: 0 })
})
