import type { Contender } from './contenders.ts'
import { measure } from './measure.ts'
import { renderPages, summarize } from './page-report.ts'
import type { PageRequest } from './pages.ts'
import type { Section, Target } from './section.ts'
import type { World } from './world.ts'

export interface PageSectionOptions {
  name: string
  about: string
  /** The bodies of the requests that are asked in turn, made from the pages of the list. */
  requests(pages: readonly PageRequest[]): string[]
  gateway(world: World): Contender['program']
  /** The others. */
  rivals?(world: World, pages: readonly PageRequest[]): Contender[] | Promise<Contender[]>
  /** What the gateway's throughput shall be, as a multiple of a rival's. */
  ratios?: Readonly<Record<string, number>>
  /** Requests a second that the gateway shall answer. */
  perSecond?: number
}

/** A section that asks for pages of contents as fast as it can. */
export function pageSection(options: PageSectionOptions): Section {
  const { name, about } = options
  return {
    name,
    about,
    async run(bench) {
      const { world, pages } = await bench.shared()
      const rivals = (await options.rivals?.(world, pages)) ?? []
      const rounds = await measure(bench, {
        section: name,
        contenders: [{ name: 'gateway', program: options.gateway(world) }, ...rivals],
        bodies: options.requests(pages),
        token: world.token,
      })
      const figures = summarize(rounds)
      const ratios = Object.entries(options.ratios ?? {}).map(([rival, target]): Target => {
        const measured = figures[rival]?.ratio?.median ?? Number.NaN
        return { what: `${name}: gateway ÷ ${rival}`, measured, relation: '≥', target }
      })
      const measured = figures['gateway']?.perSecond?.median ?? Number.NaN
      const speed: Target[] =
        options.perSecond === undefined
          ? []
          : [{ what: `${name}: requests/s`, measured, relation: '≥', target: options.perSecond }]
      return {
        table: renderPages(`${name}: ${about}`, figures),
        targets: [...ratios, ...speed],
        figures,
      }
    },
  }
}
