import type { Target } from './section.ts'
import { renderTable } from './table.ts'

/** The promises of all sections, kept or not. */
export function renderTargets(targets: readonly Target[]): string {
  const lines = targets.map((target) => {
    const { what, measured, relation } = target
    const verdict = isReached(target) ? 'reached' : 'MISSED'
    return [what, show(measured), `${relation} ${target.target}`, verdict]
  })
  return renderTable('targets', [['', 'measured', 'target', ''], ...lines])
}

export function isReached({ measured, relation, target }: Target): boolean {
  return relation === '≥' ? measured >= target : measured <= target
}

/** With as many digits as tell it from its target. */
function show(figure: number): string {
  return figure.toFixed(Math.abs(figure) < 10 ? 3 : Math.abs(figure) < 100 ? 1 : 0)
}
