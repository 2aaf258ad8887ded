import type { IncomingMessage, ServerResponse } from 'node:http'
import { HttpError } from './http-error.ts'

/** Whoever can set one of these from a page has been asked for permission by the browser before. */
const deliberateHeaders = ['x-csrf-prevention', 'apollo-require-preflight'] as const
const allowedHeaders = ['authorization', 'content-type', 'x-request-id', ...deliberateHeaders]
const readableHeaders = ['x-request-id', 'retry-after']
const preflightSeconds = 600

export const foreignPage = 'Pages of this origin may not use the API.'

/**
 * Whether the page behind a request may send it: one of this host, or of a host on the list. Browsers name
 * the page in `Origin`, or at least say that it is another's; who says neither is no browser, and there
 * are no cookies that somebody could ride on.
 */
export function isWelcome({ headers }: IncomingMessage, allowed: string): boolean {
  const { origin, host } = headers
  if (origin === undefined) return !/^(cross|same)-site$/.test(fetchSiteOf(headers))
  if (isListed(origin, allowed)) return true
  return URL.canParse(origin) && new URL(origin).host === host
}

function fetchSiteOf(headers: IncomingMessage['headers']): string {
  return String(headers['sec-fetch-site'] ?? '')
}

function isListed(origin: string | undefined, allowed: string): origin is string {
  return origin !== undefined && origin !== '' && allowed.split(',').includes(origin)
}

/** Lets pages on the list read the answer; caches are told that it depends on who asked. */
export function admitOrigin(
  { headers: { origin } }: IncomingMessage,
  response: ServerResponse,
  allowed: string,
): void {
  response.setHeader('vary', 'origin')
  if (!isListed(origin, allowed)) return
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-expose-headers', readableHeaders.join(', '))
}

/** What a browser asks before it sends what a page could not send by itself. */
export function answerPreflight(
  { headers }: IncomingMessage,
  response: ServerResponse,
  { allowed, methods }: { allowed: string; methods: readonly string[] },
): void {
  if (!isListed(headers.origin, allowed)) {
    throw new HttpError(405, `Use ${methods.join(' or ')}.`, { allow: methods.join(', ') })
  }
  response
    .writeHead(204, {
      'access-control-allow-methods': methods.join(', '),
      'access-control-allow-headers': allowedHeaders.join(', '),
      'access-control-max-age': String(preflightSeconds),
    })
    .end()
}

/**
 * Refuses what any page can make a browser send without asking first (CSRF): reads in the address, forms
 * and plain text. Throws HttpError.
 */
export function refuseForeign(request: IncomingMessage, allowed: string): void {
  if (!isWelcome(request, allowed)) {
    throw new HttpError(403, foreignPage)
  }
  const { method, headers } = request
  if (method === 'POST') {
    if (isJson(headers['content-type'])) return
    throw new HttpError(415, 'Send content-type: application/json.', { 'accept-post': json })
  }
  if (isJson(headers['content-type'])) return
  if (deliberateHeaders.some((name) => headers[name])) return
  throw new HttpError(403, `Send a header that only programs send: ${deliberateHeaders[0]}: 1.`)
}

const json = 'application/json'

function isJson(contentType = ''): boolean {
  return contentType.split(';', 1)[0]?.trim().toLowerCase() === json
}
