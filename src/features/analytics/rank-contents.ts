import type { Content } from '../content/content.entity.ts'
import { loadContents } from '../content/content.loaders.ts'
import type { ContentReadDeps } from '../content/list-contents.ts'
import type { RankedContent } from './analytics-report.ts'
import type { Engagement } from './engagement.ts'

export interface ContentRow {
  /** Null when it is in the trash, or gone for good. */
  content: Content | null
  sums: Engagement
}

/** The first of them that the viewer may know of: one that is out of reach leaves no trace. */
export async function withinReach(
  deps: ContentReadDeps,
  ranked: readonly RankedContent[],
  first: number,
): Promise<ContentRow[]> {
  const ids = ranked.map(({ contentId }) => contentId)
  const [visible, existing] = await Promise.all([
    loadContents(deps, ids, 'INCLUDE'),
    deps.reads.rows<{ id: string }>(
      `select id from content_items where tenant_id = $1 and id = any($2::uuid[])`,
      [deps.tenantId, ids],
    ),
  ])
  const there = new Set(existing.map(({ id }) => id))
  return ranked
    .map(({ contentId, sums }, index) => {
      const content = visible[index] ?? null
      const isHidden = content === null && there.has(contentId)
      return { content: content?.deletedAt ? null : content, sums, isHidden }
    })
    .filter(({ isHidden }) => !isHidden)
    .slice(0, first)
}
