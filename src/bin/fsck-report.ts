import { type Checked, type Finding, invariants } from '../features/recovery/finding.ts'

export interface Summary {
  checked: Checked
  violations: number
  seconds: number
}

/** How findings and the summary are written, each on a line of its own. */
export interface Report {
  finding(finding: Finding): string
  summary(summary: Summary): string
}

export const inWords: Report = {
  finding({ invariant, tenantId, subject, message }) {
    const ids = Object.entries({ tenantId, ...subject }).map(([name, id]) => `${name}=${id}`)
    return `${invariant} ${ids.join(' ')}: ${message}`
  },
  summary({ checked: { contents, versions, documents }, violations, seconds }) {
    const result = violations === 0 ? 'clean' : counted(violations, 'violation')
    const looked = [
      counted(contents, 'content'),
      counted(versions, 'version'),
      counted(documents, 'document'),
    ]
    return `checked ${looked.join(', ')} in ${seconds.toFixed(1)} s: ${result}`
  },
}

export const inJson: Report = {
  finding: (finding) => JSON.stringify(finding),
  summary: ({ checked: { tenants, contents, versions, documents }, violations, seconds }) =>
    JSON.stringify({ tenants, contents, versions, documents, violations, seconds }),
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** For the help text. */
export function listInvariants(): string {
  return Object.entries(invariants)
    .map(([name, rule]) => `  ${name}  ${rule}`)
    .join('\n')
}
