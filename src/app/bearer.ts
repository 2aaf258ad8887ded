import type { Viewer } from '../lib/viewer.ts'
import { UpstreamError } from '../lib/errors.ts'
import type { Authenticate, Authenticated, Credentials } from './authenticate.ts'

const expiryCheckMs = 250
const rightsCheckMs = 1_000
/** With the time between two checks less than the five seconds within which a change takes effect. */
const maxAgeMs = 3_000

/**
 * Watches over a connection that outlives a request: calls `onEnd` once, half a second after the token
 * or key has expired at the latest, or within five after its bearer was disabled or may do and see other
 * things than when they came. Who still may do something connects again.
 */
export function watchBearer(
  authenticate: Authenticate,
  credentials: Credentials,
  { viewer, expiresAt }: Authenticated,
  onEnd: (reason: string) => void,
): Disposable {
  const timers: NodeJS.Timeout[] = []
  const stop = () => timers.splice(0).forEach(clearInterval)
  const end = (reason: string) => {
    if (timers.length > 0) onEnd(reason)
    stop()
  }
  const checkExpiry = () => Date.now() >= expiresAt * 1_000 && end('The token has expired.')
  const checkRights = () =>
    authenticate(credentials, { maxAgeMs }).then(
      (now) => !(now && hasSameRights(now.viewer, viewer)) && end('Your rights have changed.'),
      (error: unknown) => {
        // Nobody can tell now; nor is anything read while it is so.
        if (!(error instanceof UpstreamError)) end('It cannot be told any more who you are.')
      },
    )
  timers.push(
    setInterval(checkExpiry, expiryCheckMs),
    setInterval(() => void checkRights(), rightsCheckMs),
  )
  return { [Symbol.dispose]: stop }
}

function hasSameRights(now: Viewer, before: Viewer): boolean {
  return now === before || rightsOf(now) === rightsOf(before)
}

function rightsOf({ scopes, brandIds }: Viewer): string {
  return JSON.stringify([[...scopes].toSorted(), brandIds?.toSorted() ?? null])
}
