import { expect, test } from 'vitest'
import { UpstreamError } from '../../src/lib/errors.ts'
import { newId } from '../../src/lib/id.ts'
import type { Fault } from '../../src/local/faults.ts'
import type { ZeroDb } from '../../src/platform/zerodb.ts'
import { type LocalZeroDb, startLocalZeroDb } from './local-zerodb.ts'

const connect = () => startLocalZeroDb('things')

const bytesOf = (size: number) => new Uint8Array(size).map((_, index) => index * 31)

function upload(zerodb: ZeroDb, tenantId: string, name: string, size = 1_000) {
  const metadata = { backup_type: 'collection' }
  return zerodb.uploadFile(tenantId, { name, content: bytesOf(size), metadata })
}

async function namesOf(zerodb: ZeroDb, tenantId: string): Promise<string[]> {
  const files = await Array.fromAsync(zerodb.eachFile(tenantId))
  return files.map(({ name }) => name).toSorted()
}

/** The file as the server lists it. */
async function listed({ settings }: LocalZeroDb, fileId: string) {
  const { baseUrl, projectId, credential } = settings
  const response = await fetch(`${baseUrl}/api/v1/projects/${projectId}/files/${fileId}`, {
    headers: { 'x-api-key': 'apiKey' in credential ? credential.apiKey : '' },
  })
  return response.json()
}

test('a file comes back byte for byte, under an id of the server, and is gone when deleted', async () => {
  await using connection = await connect()
  const { zerodb } = connection
  const tenant = newId()

  const file = await upload(zerodb, tenant, 'a.bin', 3_000_000)
  expect(file).toEqual({ id: expect.any(String), name: 'a.bin', sizeBytes: 3_000_000 })
  expect(await listed(connection, file.id)).toMatchObject({
    name: `${tenant}_a.bin`,
    size_bytes: 3_000_000,
    metadata: { backup_type: 'collection', tenant_id: tenant },
  })
  const content = await zerodb.readFile(tenant, file.id)
  expect(content?.equals(bytesOf(3_000_000))).toBe(true)

  await zerodb.deleteFile(tenant, file.id)
  expect(await zerodb.findFile(tenant, file.id)).toBeNull()
  expect(await zerodb.readFile(tenant, file.id)).toBeNull()
  await zerodb.deleteFile(tenant, file.id)
  expect(await namesOf(zerodb, tenant)).toEqual([])
})

test('an empty file is a file', async () => {
  await using connection = await connect()
  const { zerodb } = connection
  const tenant = newId()
  const { id } = await upload(zerodb, tenant, 'empty', 0)
  expect(await zerodb.readFile(tenant, id)).toHaveLength(0)
})

test('a tenant sees and deletes no files but their own', async () => {
  await using connection = await connect()
  const { zerodb } = connection
  const [tenant, other] = [newId(), newId()]
  const { id } = await upload(zerodb, tenant, 'mine')
  await upload(zerodb, other, 'theirs')

  expect(await namesOf(zerodb, tenant)).toEqual(['mine'])
  const foreign = { failure: 'malformed', message: expect.stringContaining('not theirs') as string }
  await expect(zerodb.findFile(other, id)).rejects.toMatchObject(foreign)
  await expect(zerodb.readFile(other, id)).rejects.toMatchObject(foreign)
  await expect(zerodb.deleteFile(other, id)).rejects.toMatchObject(foreign)
  expect(await namesOf(zerodb, tenant)).toEqual(['mine'])
})

test('files are listed to the end, page after page', async () => {
  await using connection = await connect()
  const { zerodb, server } = connection
  const tenant = newId()
  const names = Array.from({ length: 230 }, (_, index) => `file-${String(index).padStart(3, '0')}`)
  for (const name of names) await upload(zerodb, tenant, name, 1)

  server.calls.length = 0
  expect(await namesOf(zerodb, tenant)).toEqual(names)
  expect(server.calls.map(({ operation }) => operation)).toEqual(['files', 'files', 'files'])
})

test('a call carries one credential header, and bytes are sent as they are', async () => {
  await using connection = await connect()
  await upload(connection.zerodb, newId(), 'a')
  expect(connection.server.calls.map(({ operation, status }) => [operation, status])).toEqual([
    ['upload', 201],
    ['file', 200],
  ])
})

test('an upload whose answer is lost is not sent again, and says that it may have been kept', async () => {
  await using connection = await connect()
  const { zerodb, server } = connection
  const tenant = newId()
  server.faults.add({ operation: 'upload', kind: 'answerLost' })

  const failed = upload(zerodb, tenant, 'a')
  await expect(failed).rejects.toMatchObject({ failure: 'unavailable', mayHaveApplied: true })
  expect(server.calls.filter(({ operation }) => operation === 'upload')).toHaveLength(1)
  expect(await namesOf(zerodb, tenant)).toEqual(['a'])
})

test('an upload that surely did not happen is sent again', async () => {
  await using connection = await connect()
  const { zerodb, server } = connection
  const tenant = newId()
  server.faults.add({
    operation: 'upload',
    kind: 'status',
    status: 429,
    retryAfterSeconds: 0,
    times: 1,
  })
  await upload(zerodb, tenant, 'a')
  expect(await namesOf(zerodb, tenant)).toEqual(['a'])
})

const broken: readonly (readonly [what: string, fault: Fault, failure: string])[] = [
  ['an upload', { operation: 'upload', kind: 'wrongJson' }, 'malformed'],
  ['an upload', { operation: 'upload', kind: 'status', status: 413 }, 'rejected'],
  ['an upload', { operation: 'upload', kind: 'reset' }, 'unavailable'],
  ['a look at what was kept', { operation: 'file', kind: 'truncated' }, 'malformed'],
  ['a look at what was kept', { operation: 'file', kind: 'wrongJson', shape: 'json' }, 'malformed'],
]

test.each(broken)('%s that fails with %o is an error', async (_what, fault, failure) => {
  await using connection = await connect()
  const { zerodb, server } = connection
  server.faults.add(fault as Parameters<typeof server.faults.add>[0])
  const failed = upload(zerodb, newId(), 'a')
  await expect(failed).rejects.toBeInstanceOf(UpstreamError)
  await expect(failed).rejects.toMatchObject({ failure })
})

test('a download that is broken off or too large is an error, and never a shorter file', async () => {
  await using connection = await connect()
  const { zerodb, server } = connection
  const tenant = newId()
  const { id } = await upload(zerodb, tenant, 'a')

  server.faults.add({ operation: 'download', kind: 'huge', bytes: 50_000_000 })
  const huge = zerodb.readFile(tenant, id)
  await expect(huge).rejects.toMatchObject({ failure: 'malformed' })
  server.faults.clear()

  server.faults.add({ operation: 'download', kind: 'status', status: 503 })
  await expect(zerodb.readFile(tenant, id)).rejects.toMatchObject({ failure: 'unavailable' })
  server.faults.clear()

  server.faults.add({ operation: 'download', kind: 'truncated' })
  const short = zerodb.readFile(tenant, id)
  await expect(short).rejects.toMatchObject({ failure: 'malformed' })
})

test('a server that keeps other bytes than it took is refused, and left with nothing', async () => {
  await using connection = await connect()
  const { zerodb, server } = connection
  const tenant = newId()
  await upload(zerodb, tenant, 'a')
  server.faults.add({ operation: 'upload', kind: 'cutShort' })

  await expect(upload(zerodb, tenant, 'b')).rejects.toThrow(/took b of 1000 bytes and keeps 500/)
  expect(await namesOf(zerodb, tenant)).toEqual(['a'])
})

test('a wrong path prefix is told as such, and not as a missing file', async () => {
  await using connection = await connect()
  await using other = await startLocalZeroDb('things', { pathPrefix: '/api/v2/{projectId}' })
  const find = other.zerodb.findFile(newId(), newId())
  await expect(find).rejects.toThrow(/check its base URL and path prefix/)
  expect(await connection.zerodb.findFile(newId(), newId())).toBeNull()
})

test('a caller who leaves ends the upload', async () => {
  await using connection = await connect()
  const { zerodb, server } = connection
  server.faults.add({ operation: 'upload', kind: 'hang' })
  const leave = new AbortController()
  const file = { name: 'a', content: bytesOf(10), metadata: {} }
  const failed = zerodb.uploadFile(newId(), file, { signal: leave.signal })
  leave.abort(new Error('left'))
  await expect(failed).rejects.toThrow('left')
  const late = zerodb.uploadFile(newId(), file, { deadlineMs: 50 })
  await expect(late).rejects.toMatchObject({ failure: 'timeout', mayHaveApplied: true })
})
