import { compile } from 'html-to-text'
import type { BodyFormat } from './content.entity.ts'

/** Of a preview, in characters (E-083). */
export const previewLength = 200

/** Enough of a body to find 200 characters of text behind its mark-up; keeps huge bodies cheap. */
const previewSource = 20_000

const mimeTypes: Record<BodyFormat, string> = {
  html: 'text/html',
  text: 'text/plain',
  markdown: 'text/markdown',
  json: 'application/json',
}

export function mimeTypeOf(format: BodyFormat): string {
  return mimeTypes[format]
}

const htmlToText = compile({
  wordwrap: false,
  selectors: [
    { selector: 'a', options: { ignoreHref: true } },
    { selector: 'img', format: 'skip' },
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({
      selector,
      options: { uppercase: false },
    })),
  ],
})

/** The body without HTML mark-up; other formats are text already. */
export function plainText(format: BodyFormat, raw: string): string {
  return format === 'html' ? htmlToText(raw) : raw
}

/** The first characters on one line: whole code points, never half a surrogate pair. */
export function previewOf(format: BodyFormat, raw: string): string {
  const text = plainText(format, raw.slice(0, previewSource)).replace(/\s+/g, ' ').trim()
  return shorten(text, previewLength)
}

/** At most `maxLength` characters (code points) of `text`. */
export function shorten(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text
  return Array.from(text.slice(0, maxLength * 2))
    .slice(0, maxLength)
    .join('')
    .toWellFormed()
}
