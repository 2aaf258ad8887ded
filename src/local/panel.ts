import { ZodError, prettifyError } from 'zod'
import type { Call } from './call-log.ts'
import type { Faults } from './faults.ts'
import type { Incoming, Reply, Service } from './exchange.ts'

/** The switches beside the neighbour's own protocol; undefined when the request is not for them. */
export function answerPanel(
  request: Incoming,
  faults: Faults,
  calls: Call[],
  own: Pick<Service<string>, 'panel' | 'settings'>,
): Reply | undefined {
  switch (`${request.method} ${request.path}`) {
    case 'GET /__faults':
      return json(200, faults.list())
    case 'PUT /__faults':
      return replaceFaults(request, faults)
    case 'DELETE /__faults':
      faults.clear()
      return json(200, [])
    case 'GET /__calls':
      return json(200, calls)
    case 'DELETE /__calls':
      calls.length = 0
      return json(200, [])
    default: {
      if (request.method === 'GET') {
        const show = own.panel?.[request.path]
        return show && json(200, show())
      }
      const set = request.method === 'PUT' ? own.settings?.[request.path] : undefined
      return set && readAnd(request, set)
    }
  }
}

function replaceFaults(request: Incoming, faults: Faults): Reply {
  return readAnd(request, (value) => {
    const wanted = faults.parse(value)
    faults.clear()
    faults.add(...wanted)
    return faults.list()
  })
}

/** Hands over what was sent, and answers with what comes back, or with why it was not taken. */
function readAnd(request: Incoming, set: (value: unknown) => unknown): Reply {
  try {
    return json(200, set(JSON.parse(request.body.toString())))
  } catch (error) {
    if (error instanceof ZodError) return json(422, { detail: prettifyError(error) })
    if (error instanceof SyntaxError) return json(422, { detail: error.message })
    throw error
  }
}

function json(status: number, value: unknown): Reply {
  return { status, body: JSON.stringify(value) }
}
