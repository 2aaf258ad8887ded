import type pg from 'pg'

/** Texts that every connection keeps prepared; those that come later are parsed and planned each time. */
const maxPrepared = 300

/**
 * Lets PostgreSQL remember the statements of transactions: the ORM sends them without a name, to be parsed
 * and planned each time, which takes longer than running them.
 */
export function prepareQueries(pool: pg.Pool): void {
  const names = new Map<string, string>()
  const nameOf = (text: string): string | undefined => {
    const known = names.get(text)
    if (known !== undefined || names.size >= maxPrepared) return known
    const name = `q${names.size}`
    names.set(text, name)
    return name
  }
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown
    const named = (text: unknown, values: unknown, ...others: unknown[]) => {
      const isNamed = typeof text === 'string' && Array.isArray(values) && values.length > 0
      return isNamed
        ? query({ name: nameOf(text), text, values }, ...others)
        : query(text, values, ...others)
    }
    client.query = named as typeof client.query
  })
}
