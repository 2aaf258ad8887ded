import type { ServerResponse } from 'node:http'
import type { Profile } from './profile.ts'

/** For answers that are data: should a browser take one for a page all the same, it can do nothing. */
const dataPolicy = "default-src 'none'; frame-ancestors 'none'"
/** GraphiQL is one page with everything in it; its editor works in threads made of text. */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'unsafe-inline' blob: data:",
  'worker-src blob: data:',
  "style-src 'unsafe-inline'",
  'img-src data:',
  'font-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const yearSeconds = 31_536_000

/** What each answer says of how it may be used. */
export function securityHeaders({ insistsOnTls }: Profile): Readonly<Record<string, string>> {
  return {
    'cache-control': 'no-store',
    'content-security-policy': dataPolicy,
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    ...(insistsOnTls && { 'strict-transport-security': `max-age=${yearSeconds}` }),
  }
}

/** Lets an answer be GraphiQL's page. */
export function permitPage(response: ServerResponse): void {
  response.setHeader('content-security-policy', pagePolicy)
}
