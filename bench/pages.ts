import { sampleContents } from './contents.ts'

/** One request of the scenario, and the answer that every contender must give to it. */
export interface PageRequest {
  body: string
  answer: string
}

export interface Endpoint {
  url: string
  token: string
}

export const pageSize = 20

const listContents = `query Contents($after: String) {
  contents(first: ${pageSize}, after: $after) {
    nodes { id title type status createdAt updatedAt tags preview body { raw } }
    pageInfo { hasNextPage endCursor }
  }
}`

const createContents = `mutation Create($inputs: [CreateContentInput!]!) {
  createContents(inputs: $inputs) {
    ... on ContentBatchSuccess { succeeded }
    ... on Error { message }
  }
}`

/** Contents in one mutation; the API takes 100, and 2 MB of text. */
const batchSize = 50

/** Fills the tenant through the API, as its own clients would. */
export async function createAll(
  gateway: Endpoint,
  { count, bodySize }: { count: number; bodySize: number },
  onProgress: (done: number) => void,
): Promise<void> {
  const contents = [...sampleContents(count, 20_261_120, bodySize)]
  for (let done = 0; done < count; done += batchSize) {
    const inputs = contents.slice(done, done + batchSize)
    const text = await ask(
      gateway,
      JSON.stringify({ query: createContents, variables: { inputs } }),
    )
    if (!text.includes(`{"succeeded":${inputs.length}}`)) {
      throw new Error(`contents were refused: ${text.slice(0, 500)}`)
    }
    onProgress(done + inputs.length)
  }
}

interface PageAnswer {
  errors?: unknown
  data: {
    contents: {
      nodes: readonly { body: { raw: string } | null }[]
      pageInfo: { hasNextPage: boolean; endCursor: string }
    }
  }
}

/** Walks the whole list page by page: every request a contender will be asked, with its answer. */
export async function walkPages(gateway: Endpoint): Promise<PageRequest[]> {
  const pages: PageRequest[] = []
  for (let after: string | null = null; ;) {
    const body: string = JSON.stringify({ query: listContents, variables: { after } })
    const answer = await ask(gateway, body)
    const { data, errors } = JSON.parse(answer) as PageAnswer
    const { nodes, pageInfo } = data.contents
    const complete = nodes.length === pageSize && nodes.every((node) => node.body?.raw)
    if (errors || !complete) throw new Error(`an incomplete page: ${answer.slice(0, 500)}`)
    pages.push({ body, answer })
    if (!pageInfo.hasNextPage) return pages
    after = pageInfo.endCursor
  }
}

/** Throws unless the contender gives the same answer to every request, byte for byte. */
export async function checkAnswers(contender: Endpoint, pages: readonly PageRequest[]) {
  for (const [index, { body, answer }] of pages.entries()) {
    const text = await ask(contender, body)
    if (text === answer) continue
    const units = text.split('')
    const at = units.findIndex((unit, place) => unit !== answer[place])
    const around = (whole: string) => whole.slice(Math.max(0, at - 40), at + 80)
    throw new Error(
      `page ${index} differs at ${contender.url}:\n  ${around(text)}\n  ${around(answer)}`,
    )
  }
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
