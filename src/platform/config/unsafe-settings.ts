/** The settings that can make a production unsafe; `loadConfig` reads them. */
interface Settings {
  HOST: string
  LOG_LEVEL: string
  ALLOW_STAND_INS: boolean
  ALLOWED_ORIGINS: string
  INTROSPECTION?: boolean | undefined
  GRAPHIQL?: boolean | undefined
  DATABASE_URL?: string | undefined
  DATABASE_OWNER_URL?: string | undefined
}

type Given = Readonly<Record<string, unknown>>

/**
 * What would make a production unsafe although every single value is right, a line for each; nothing of
 * it can be permitted. `env` is the environment of the process as it is.
 */
export function* unsafeSettings(values: Settings & Given, env: Given): Iterable<string> {
  if (values.INTROSPECTION) yield 'INTROSPECTION=true: production does not show its schema'
  if (values.GRAPHIQL) yield 'GRAPHIQL=true: production serves no pages'
  yield* openDoors(values)
  yield* databases(values)
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== 'string') continue
    if (name.endsWith('_URL') && isOpenHttp(new URL(value))) {
      yield `${name}=…: must be https in production`
    }
    if (isSecret(name) && isGuessable(value)) {
      yield `${name}=…: is too short, or known to everybody`
    }
  }
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    yield 'NODE_TLS_REJECT_UNAUTHORIZED=0: without certificates nobody knows whom they speak to'
  }
}

const loopback = /^(localhost|127(\.\d{1,3}){3}|::1)$/

function* openDoors({ HOST, LOG_LEVEL, ALLOW_STAND_INS, ALLOWED_ORIGINS }: Settings) {
  if (ALLOW_STAND_INS && !loopback.test(HOST)) {
    yield `HOST=${JSON.stringify(HOST)}: stand-ins (ALLOW_STAND_INS) trust everybody, so nobody else may reach them`
  }
  if (LOG_LEVEL === 'silent') yield 'LOG_LEVEL="silent": an attack would leave no trace'
  for (const origin of ALLOWED_ORIGINS.split(',')) {
    if (origin.startsWith('http:')) {
      yield `ALLOWED_ORIGINS="${ALLOWED_ORIGINS}": "${origin}" must be https in production`
    }
  }
}

function* databases({ DATABASE_URL, DATABASE_OWNER_URL }: Settings): Iterable<string> {
  for (const [name, value] of Object.entries({ DATABASE_URL, DATABASE_OWNER_URL })) {
    if (value === undefined) continue
    const url = new URL(value)
    if (!isPrivate(url)) {
      yield `${name}=…: ends in ?sslmode=verify-full (or require, verify-ca), or names a socket as host`
    }
    const password = decodeURIComponent(url.password)
    if (password && (isGuessable(password) || password === decodeURIComponent(url.username))) {
      yield `${name}=…: its password is too short, or known to everybody`
    }
  }
  if (DATABASE_URL && DATABASE_OWNER_URL) {
    if (new URL(DATABASE_URL).username === new URL(DATABASE_OWNER_URL).username) {
      yield 'DATABASE_URL=…: is the owner of DATABASE_OWNER_URL, for whom row-level security can be lifted'
    }
  }
}

/** What goes to this machine itself, e.g. a proxy that speaks TLS for us, leaves it in no clear text. */
function isOpenHttp({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && !loopback.test(hostname.replace(/^\[(.*)\]$/, '$1'))
}

/** Whether nobody on the way can read along: TLS whose certificate is checked, or no network at all. */
function isPrivate({ hostname, searchParams }: URL): boolean {
  const host = searchParams.get('host') ?? decodeURIComponent(hostname)
  if (host.startsWith('/')) return true
  // In the compatible mode `require` checks no certificate.
  const checked = searchParams.has('uselibpqcompat') ? /^verify-/ : /^(require|verify-(ca|full))$/
  return checked.test(searchParams.get('sslmode') ?? '')
}

function isSecret(name: string): boolean {
  return /_KEY$|_SECRET$|_PASSWORD$|_TOKEN$/.test(name) && name !== 'ZERODB_FILTER_KEY'
}

const minSecretLength = 12
/** What manuals and examples have in place of a secret, however it is written. */
const wellKnown =
  /^(the|my|your|a|some)?(default|example|sample|dummy|test|demo|local|dev|super)*(password|passwd|secret|apikey|token|key|changeme|changeit|letmein|admin|root|postgres|gateway)+(here|please|[0-9]{0,8})$/

function isGuessable(secret: string): boolean {
  const bare = secret.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  return secret.length < minSecretLength || new Set(secret).size < 5 || wellKnown.test(bare)
}
