import { basename } from 'node:path/posix'
import { splitFrontMatter } from './front-matter.ts'
import { SourceError } from './source-error.ts'
import type { SourceFile } from './find-files.ts'

/** What a file says about its content. */
export interface Source {
  /** Unique among the sources and stable: the content's external reference. */
  id: string
  title: string
  tags: readonly string[]
  /** The front matter that has no place of its own in a content, e.g. date and author. */
  metadata: Record<string, unknown>
  /** Undefined when the file does not say. */
  draft: boolean | undefined
  body: string
}

/** Reads a file's bytes. Throws SourceError when they cannot become a content. */
export function readSource(file: SourceFile, bytes: Uint8Array): Source {
  if (bytes.length === 0) throw new SourceError('the file is empty')
  const { fields, body } = splitFrontMatter(decode(bytes))
  if (body.trim() === '') throw new SourceError('there is no text after the front matter')
  const { title, category, tags, slug, draft, ...metadata } = fields
  const source: Source = {
    id: withSlug(file.id, textOf(slug)),
    title: textOf(title) ?? firstHeading(body) ?? basename(file.id),
    tags: [...new Set([category, tags].flat().flatMap((tag) => textOf(tag) ?? []))],
    metadata,
    draft: typeof draft === 'boolean' ? draft : undefined,
    body,
  }
  for (const [part, value] of Object.entries(source)) {
    if (!isClean(value)) throw new SourceError(`${part} holds a NUL or half a surrogate pair`)
  }
  return source
}

/** A BOM stays: it belongs to the body when there is no front matter. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new SourceError('the file is not valid UTF-8')
  }
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
}

/** A slug names a page within its folder: two locales may well use the same one. */
function withSlug(id: string, slug: string | undefined): string {
  const name = slug?.replace(/^\/+|\/+$/g, '').normalize()
  return name ? id.replace(/[^/]*$/, () => name) : id
}

/** The text of the first `#` line outside of code. */
function firstHeading(body: string): string | undefined {
  const prose = body.replace(/^(```|~~~)[^]*?^\1/gm, '')
  return textOf(/^#{1,6}[ \t]+(.*?)[ \t#]*$/m.exec(prose)?.[1])
}

/** YAML can escape what UTF-8 cannot hold, and no store takes a NUL. */
function isClean(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0')
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every((entry) => entry.every(isClean))
}
