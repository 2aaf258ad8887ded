import type { Http, HttpCall } from '../http.ts'
import { isStatus, malformed, readObject } from './answers.ts'

/** An API key, or a person's login whose token is renewed when ZeroDB no longer takes it. */
export type Credential = { apiKey: string } | { email: string; password: string }

export type Send = (call: HttpCall) => Promise<unknown>

/** What `Http` does, as somebody. */
export type Session = Pick<Http, 'json' | 'bytes'>

/** Adds the credential in exactly one header: of two, ZeroDB would obey the key, whoever asks. */
export function authorize(http: Http, credential: Credential, loginPath: string): Session {
  if ('apiKey' in credential) {
    const headers = { 'x-api-key': credential.apiKey }
    return {
      json: (call) => http.json(withHeaders(call, headers)),
      bytes: (call) => http.bytes(withHeaders(call, headers)),
    }
  }
  const logIn = async () => {
    const answer = await http.json({
      method: 'POST',
      path: loginPath,
      body: credential,
      effect: 'none',
    })
    const { access_token: token } = readObject(answer, 'a token')
    if (typeof token !== 'string') throw malformed('answered a login without a token')
    return { authorization: `Bearer ${token}` }
  }
  return withRenewal(http, logIn)
}

type Headers = Readonly<Record<string, string>>

function withHeaders(call: HttpCall, headers: Headers): HttpCall {
  return { ...call, headers: { ...call.headers, ...headers } }
}

function withRenewal(http: Http, logIn: () => Promise<Headers>): Session {
  let current: Promise<Headers> | undefined
  const openSession = async () => {
    try {
      return await logIn()
    } catch (error) {
      current = undefined
      throw error
    }
  }
  const perform = async <T>(send: (call: HttpCall) => Promise<T>, call: HttpCall): Promise<T> => {
    const session = (current ??= openSession())
    const headers = await session
    try {
      return await send(withHeaders(call, headers))
    } catch (error) {
      if (!isStatus(error, 401)) throw error
    }
    if (current === session) current = undefined
    return send(withHeaders(call, await (current ??= openSession())))
  }
  return {
    json: (call) => perform(http.json, call),
    bytes: (call) => perform(http.bytes, call),
  }
}
