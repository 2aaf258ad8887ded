/** Deeper than any operation the limits let through; the parser, which recurses, copes with it easily. */
const maxNesting = 50

/** Whether brackets nest too deep in a document; strings and comments are passed over. */
export function isNestedTooDeep(document: string): boolean {
  let depth = 0
  for (let at = 0; at < document.length; at++) {
    const character = document.charAt(at)
    if (character === '"') at = endOfString(document, at)
    else if (character === '#') at = endOfLine(document, at)
    else if ('{[('.includes(character)) depth++
    else if (')]}'.includes(character)) depth--
    if (depth > maxNesting) return true
  }
  return false
}

function endOfString(document: string, start: number): number {
  if (document.startsWith('"""', start)) return endOfBlock(document, start + 3)
  for (let at = start + 1; at < document.length; at++) {
    const character = document.charAt(at)
    if (character === '\\') at++
    else if (character === '"' || character === '\n') return at
  }
  return document.length
}

/** A block string ends at `"""`, unless a backslash stands before it. */
function endOfBlock(document: string, start: number): number {
  let end = document.indexOf('"""', start)
  while (end !== -1 && document.charAt(end - 1) === '\\') end = document.indexOf('"""', end + 3)
  return end === -1 ? document.length : end + 2
}

function endOfLine(document: string, start: number): number {
  const end = document.indexOf('\n', start)
  return end === -1 ? document.length : end
}
