import { builder } from '../../graphql/builder.ts'
import { EventInterface, type LiveEvent, type Resumable } from '../../graphql/event.ts'
import { encodeGlobalId } from '../../graphql/global-id.ts'
import { type News, type Place, watch } from '../../graphql/watch.ts'
import { topics } from '../../platform/events.ts'
import type { ChangeType } from '../content/content-version.entity.ts'
import { ContentNode, loadFresh } from '../content/content.graphql.ts'
import { ContentWhereInput, readWhere } from '../content/content-where.graphql.ts'
import { type ChangePage, listChanges } from './list-changes.ts'

interface ContentEvent extends LiveEvent {
  kind: ChangeType
  contentId: string
  isGone: boolean
}

const ChangeKindEnum = builder.enumType('ChangeKind', {
  values: {
    CREATED: { value: 'create' },
    UPDATED: { value: 'update' },
    PUBLISHED: { value: 'publish' },
    ARCHIVED: { value: 'archive' },
    DELETED: { value: 'delete' },
    RESTORED: { value: 'restore' },
  } as const,
})

const ContentEventObject = builder.objectRef<Resumable<ContentEvent>>('ContentEvent').implement({
  interfaces: [EventInterface],
  fields: (t) => ({
    kind: t.expose('kind', {
      type: ChangeKindEnum,
      description: 'The last change, if there were several; DELETED whenever you see it no more.',
    }),
    content: t.field({
      type: ContentNode,
      nullable: true,
      description: 'As it is now; null when you see it no more.',
      resolve: ({ contentId, isGone }, _args, context) =>
        isGone ? null : loadFresh(context, contentId),
    }),
    deletedId: t.id({
      nullable: true,
      description: 'The id of a content that you see no more.',
      resolve: ({ contentId, isGone }) => (isGone ? encodeGlobalId('Content', contentId) : null),
    }),
  }),
})

function newsOf({ changes, upTo, hasMore }: ChangePage): News<ContentEvent> {
  return { events: changes, upTo, hasMore }
}

builder.subscriptionField('contentChanged', (t) =>
  t.field({
    type: ContentEventObject,
    description:
      'Every content whose newest state you have not been told, from now on or from `after`. `where` must fit it as it is then.',
    authScopes: { scope: 'CONTENT_READ' },
    args: { where: t.arg({ type: ContentWhereInput }), after: t.arg.string() },
    subscribe: (_root, args, { events, signal, viewer, database }) => {
      const { tenantId } = viewer
      const where = readWhere(args.where ?? {})
      const scopes = [...viewer.scopes]
      const key = JSON.stringify(['contents', tenantId, viewer.brandIds, scopes, where])
      const read = async (place: Place | null) => {
        const after = place && place.sequence
        const list = () => listChanges(database.reads.forTenant(tenantId), viewer, where, after)
        return newsOf(await events.share(`${key} ${after}`, list))
      }
      const watched = {
        name: 'contentChanged',
        topics: [topics.contents(tenantId)],
        read,
      }
      return watch({ events, signal }, watched, args.after)
    },
    resolve: (event) => event,
  }),
)
