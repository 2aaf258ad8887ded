const gap = 3

/** A title above lines whose cells stand below one another. */
export function renderTable(title: string, lines: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const line of lines) {
    line.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)))
  }
  const pad = (cell: string, column: number) => cell.padEnd((widths[column] ?? 0) + gap)
  return [title, ...lines.map((line) => `  ${line.map(pad).join('')}`.trimEnd()), ''].join('\n')
}
