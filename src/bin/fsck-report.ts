import {
  type Checked,
  type Finding,
  type Invariant,
  invariants,
} from '../features/recovery/finding.ts'

export interface Summary {
  checked: Checked
  violations: number
  /** Of the violations, those that `--repair` can put right. */
  repairable: number
  /** Of the violations, those that are no more. */
  repaired: number
  /** Without one, nothing was looked at there. */
  hasCopy: boolean
  seconds: number
}

/** How findings and the summary are written, each on a line of its own. */
export interface Report {
  finding(finding: Finding): string
  summary(summary: Summary): string
}

/** What to do where no repair can know it. */
const remedies: Record<Invariant, string> = {
  I1: '`gateway restore` or `gateway archive restore` bring documents back, a backup of PostgreSQL rows',
  I2: 'see why the account cannot be set right',
  I3: 'delete the key, or the content that is too much',
  I4: 'leave the one event that tells what happened',
  I5: 'see whose it is, and delete it',
  I6: 'see in the log what keeps it from ZeroDB, or bring it back from a backup',
  I7: 'see whether anybody has read it, and delete it',
  I9: 'see what has written to the copy; `gateway setup` and BigQuery’s audit log tell',
  I8: 'see in the log of the workers what happened to the job, and cancel it if it stands still',
}

export const inWords: Report = {
  finding({ invariant, tenantId, subject, message, repair, repaired }) {
    const ids = Object.entries({ tenantId, ...subject }).map(([name, id]) => `${name}=${id}`)
    const end = repaired ? 'repaired' : repair ? 'can be repaired' : remedies[invariant]
    return `${invariant} ${ids.join(' ')}: ${message} (${end})`
  },
  summary({ checked: { contents, versions, documents, copies }, hasCopy, seconds, ...found }) {
    const looked = [
      counted(contents, 'content'),
      counted(versions, 'version'),
      counted(documents, 'document'),
      hasCopy ? counted(copies, 'copy', 'copies') : 'no recovery copy',
    ]
    return `checked ${looked.join(', ')} in ${seconds.toFixed(1)} s: ${resultOf(found)}`
  },
}

function resultOf({
  violations,
  repairable,
  repaired,
}: Omit<Summary, 'checked' | 'hasCopy' | 'seconds'>) {
  if (violations === 0) return 'clean'
  const result = counted(violations, 'violation')
  if (repaired > 0) return `${result}, ${repaired === violations ? 'all' : repaired} repaired`
  return repairable > 0 ? `${result}; --repair puts ${repairable} right` : result
}

export const inJson: Report = {
  finding: (finding) => JSON.stringify(finding),
  summary: ({ checked: { tenants, contents, versions, documents, copies }, hasCopy, ...found }) =>
    JSON.stringify({
      tenants,
      contents,
      versions,
      documents,
      copies: hasCopy ? copies : null,
      ...found,
    }),
}

function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`
}

/** For the help text. */
export function listInvariants(): string {
  return Object.entries(invariants)
    .map(([name, rule]) => `  ${name}  ${rule}`)
    .join('\n')
}
