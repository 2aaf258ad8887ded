import { parse, YAMLParseError } from 'yaml'
import { SourceError } from './source-error.ts'

export interface FrontMatter {
  /** What stands between the fences; empty without front matter. */
  fields: Record<string, unknown>
  /** Every character after the line that closes the front matter; all of the text without one. */
  body: string
}

/** Both fences stand alone on their line, the first at the very beginning or behind a BOM. */
const frontMatter = /^\uFEFF?---[ \t]*\r?\n(|[^]*?\n)---[ \t]*(?:\r?\n|$)/

/**
 * Splits a text into its YAML front matter and its body, of which not a byte is changed: line ends,
 * blank lines and a missing last newline stay. A first fence that is never closed is a thematic break
 * of the body. Throws SourceError when the YAML is not a mapping.
 */
export function splitFrontMatter(text: string): FrontMatter {
  const found = frontMatter.exec(text)
  if (!found) return { fields: {}, body: text }
  return { fields: parseFields(found[1] ?? ''), body: text.slice(found[0].length) }
}

function parseFields(yaml: string): Record<string, unknown> {
  try {
    // The fence was line 1: with it, the parser's line numbers are those of the file.
    const fields: unknown = parse(`\n${yaml}`, { logLevel: 'error', stringKeys: true })
    if (fields === null) return {}
    if (typeof fields === 'object' && !Array.isArray(fields)) return asJson(fields)
  } catch (error) {
    // Too many aliases are a ReferenceError: a small file must not unfold into a huge one.
    if (!(error instanceof YAMLParseError || error instanceof ReferenceError)) throw error
    throw new SourceError(`bad YAML in the front matter: ${firstLine(error.message)}`)
  }
  throw new SourceError('the front matter is not a list of "name: value" lines')
}

/** As it comes back from a JSON column, so that the two can be compared. */
function asJson(fields: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(fields)) as Record<string, unknown>
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0]?.replace(/:$/, '') ?? ''
}
