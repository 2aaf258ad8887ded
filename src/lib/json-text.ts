import { randomUUID } from 'node:crypto'

/**
 * A long text that is sent again and again. It is kept as JSON in UTF-8, quotes and all: what comes from a
 * store is made ready once, and every answer copies it.
 */
export class JsonText {
  readonly json: Buffer

  constructor(text: string) {
    const json = JSON.stringify(text)
    // A buffer of its own: small ones would share their memory with neighbours that come and go.
    this.json = Buffer.allocUnsafeSlow(Buffer.byteLength(json))
    this.json.write(json)
  }

  /** Decoded each time. */
  get text(): string {
    return JSON.parse(this.json.toString()) as string
  }

  toJSON(): string {
    if (!collected) return this.text
    collected.push(this.json)
    return placeholder
  }
}

/** Those met while `toJsonBytes` makes JSON of what they are in. */
let collected: Buffer[] | undefined
/** Nobody outside has ever seen it, so no text has it in it. */
const placeholder = randomUUID()
const quoted = JSON.stringify(placeholder)

/** `JSON.stringify` in UTF-8. The texts in `value` are copied, neither escaped nor encoded again. */
export function toJsonBytes(value: unknown): Buffer {
  const texts: Buffer[] = []
  const json = stringify(value, texts)
  const [first = '', ...rest] = texts.length === 0 ? [json] : json.split(quoted)
  const textBytes = texts.reduce((sum, { length }) => sum + length, 0)
  const size = Buffer.byteLength(json) - texts.length * quoted.length + textBytes
  const bytes = Buffer.allocUnsafe(size)
  let end = bytes.write(first)
  rest.forEach((piece, index) => {
    end += texts[index]?.copy(bytes, end) ?? 0
    end += bytes.write(piece, end)
  })
  return bytes
}

function stringify(value: unknown, texts: Buffer[]): string {
  collected = texts
  try {
    return JSON.stringify(value)
  } finally {
    collected = undefined
  }
}
