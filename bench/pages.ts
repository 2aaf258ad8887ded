import { sampleContents } from './contents.ts'

/** One request, and the answer that its contender must give to it. */
export interface PageRequest {
  body: string
  answer: string
}

export interface Endpoint {
  url: string
  token: string
}

export const pageSize = 20

/** Of a content in a list, without its body. */
export const listFields = 'id title type status createdAt updatedAt tags preview'

/** A page of the list, newest first. */
export function listQuery(fields: string, first = pageSize): string {
  return `query Contents($after: String) {
  contents(first: ${first}, after: $after) {
    nodes { ${fields} }
    pageInfo { hasNextPage endCursor }
  }
}`
}

/** What every peer that has bodies is asked for, too. */
export const listWithBodies = listQuery(`${listFields} body { raw }`)

const createContents = `mutation Create($inputs: [CreateContentInput!]!) {
  createContents(inputs: $inputs) {
    ... on ContentBatchSuccess { succeeded }
    ... on Error { message }
  }
}`

/** Contents in one mutation; the API takes 100, and 2 MB of text. */
const batchSize = 50

/** Fills the tenant through the API, as its own clients would; its brands take turns. */
export async function createAll(
  gateway: Endpoint,
  { count, bodySize, brandIds }: { count: number; bodySize: number; brandIds: readonly string[] },
  onProgress: (done: number) => void,
): Promise<void> {
  const contents = [...sampleContents(count, 20_261_120, bodySize)].map((content, index) => ({
    ...content,
    brandId: brandIds[index % brandIds.length],
  }))
  for (let done = 0; done < count; done += batchSize) {
    const inputs = contents.slice(done, done + batchSize)
    const text = await ask(gateway, requestBody(createContents, { inputs }))
    if (!text.includes(`{"succeeded":${inputs.length}}`)) {
      throw new Error(`contents were refused: ${text.slice(0, 500)}`)
    }
    onProgress(done + inputs.length)
  }
}

/** A content as a list shows it; peers have the text of a body in its place. */
export interface ListedContent {
  id: string
  title: string
  type: string
  status: string
  createdAt: string
  updatedAt: string
  tags: string[]
  preview: string
  body?: { raw: string } | string | null
}

interface Page {
  nodes: readonly ListedContent[]
  pageInfo: { hasNextPage: boolean; endCursor: string }
}

/** Walks the whole list page by page: every request a contender will be asked, with its answer. */
export async function walkPages(
  contender: Endpoint,
  query: string = listWithBodies,
): Promise<PageRequest[]> {
  const pages: PageRequest[] = []
  for (let after: string | null = null; ;) {
    const body: string = requestBody(query, { after })
    const answer = await ask(contender, body)
    pages.push({ body, answer })
    const { pageInfo } = readPage(answer)
    if (!pageInfo.hasNextPage) return pages
    after = pageInfo.endCursor
  }
}

/** The contents of a page of the list. */
export function contentsOf(answer: string): readonly ListedContent[] {
  return readPage(answer).nodes
}

function readPage(answer: string): Page {
  const { data, errors } = JSON.parse(answer) as { errors?: unknown; data?: { contents: Page } }
  if (errors || !data) throw new Error(`not a page: ${answer.slice(0, 500)}`)
  return data.contents
}

export function requestBody(query: string, variables: object): string {
  return JSON.stringify({ query, variables })
}

/** Asks for `query` with the variables of each page. */
export function askOnEachPage(query: string, pages: readonly PageRequest[]): string[] {
  return pages.map(({ body }) => {
    const { variables } = JSON.parse(body) as { variables: object }
    return requestBody(query, variables)
  })
}

/** What a contender answers; throws when that has errors. */
export async function answerAll(
  contender: Endpoint,
  bodies: readonly string[],
): Promise<PageRequest[]> {
  const requests: PageRequest[] = []
  for (const body of bodies) {
    const answer = await ask(contender, body)
    if ('errors' in (JSON.parse(answer) as object)) throw new Error(answer.slice(0, 500))
    requests.push({ body, answer })
  }
  return requests
}

/** Throws unless the contender gives the same answer to every request, byte for byte. */
export async function checkAnswers(contender: Endpoint, requests: readonly PageRequest[]) {
  for (const [index, { body, answer }] of requests.entries()) {
    const text = await ask(contender, body)
    if (text === answer) continue
    const units = text.split('')
    const at = units.findIndex((unit, place) => unit !== answer[place])
    const around = (whole: string) => whole.slice(Math.max(0, at - 40), at + 80)
    throw new Error(
      `answer ${index} differs at ${contender.url}:\n  ${around(text)}\n  ${around(answer)}`,
    )
  }
}

/** Throws unless both lists have the same contents: titles, previews, and bodies where there are any. */
export function checkContents(peer: readonly PageRequest[], gateway: readonly PageRequest[]): void {
  const shown = ({ answer }: PageRequest) =>
    contentsOf(answer).map(({ title, preview, body }) => [
      title,
      preview,
      typeof body === 'string' ? body : body?.raw,
    ])
  const [ours, theirs] = [gateway.map(shown), peer.map(shown)]
  const at = ours.findIndex((page, index) => JSON.stringify(page) !== JSON.stringify(theirs[index]))
  if (at < 0 && ours.length === theirs.length) return
  throw new Error(`page ${at} has other contents: ${peer[at]?.answer.slice(0, 500)}`)
}

/** Posts a GraphQL request; throws unless its status is 200. */
export async function ask({ url, token }: Endpoint, body: string): Promise<string> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body,
  })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}: ${text}`)
  return text
}
