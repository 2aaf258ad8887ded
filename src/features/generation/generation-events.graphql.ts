import { builder } from '../../graphql/builder.ts'
import type { Context } from '../../graphql/context.ts'
import { EventInterface, type LiveEvent, type Resumable } from '../../graphql/event.ts'
import { idOf } from '../../graphql/global-id.ts'
import { type News, type Place, watch, type Watched } from '../../graphql/watch.ts'
import { topics } from '../../platform/events.ts'
import type { GenerationItem } from './generation-item.entity.ts'
import { type GenerationJob, isOver } from './generation-job.entity.ts'
import { GenerationJobItemObject, GenerationJobNode } from './generation-job.graphql.ts'
import {
  findJobState,
  isWithinReach,
  type JobEventKind,
  jobEventKinds,
  type JobPage,
  type JobState,
  kindOf,
  listJobNews,
  noteOf,
  watchTexts,
} from './job-news.ts'
import { noSuchJob } from './generation-job.errors.ts'

interface JobEvent extends LiveEvent {
  kind: JobEventKind
  job: GenerationJob
  item: GenerationItem | null
  partialText: string | null
}

const GenerationEventKindEnum = builder.enumType('GenerationEventKind', {
  description:
    'SNAPSHOT: as it was found. PROGRESS: several steps at once. COMPLETED, CANCELLED and FAILED are the last.',
  values: jobEventKinds,
})

const JobEventObject = builder.objectRef<Resumable<JobEvent>>('GenerationJobEvent').implement({
  interfaces: [EventInterface],
  fields: (t) => ({
    kind: t.expose('kind', { type: GenerationEventKindEnum }),
    job: t.expose('job', { type: GenerationJobNode }),
    item: t.expose('item', {
      type: GenerationJobItemObject,
      nullable: true,
      description: 'The one item that was stored or failed, or the one that partialText is of.',
    }),
    partialText: t.exposeString('partialText', {
      nullable: true,
      description: 'What is written so far of the first item under way, if it was asked for.',
    }),
  }),
})

function stateNews({ job, settled, writing }: JobState, place: Place | null): News<JobEvent> {
  const isEnd = isOver(job)
  if (place && job.sequence <= place.sequence) return { events: [], isOver: isEnd }
  const kind = kindOf(job, place && place.note, settled)
  const isOfItem = kind === 'ITEM_STORED' || kind === 'ITEM_FAILED'
  const item = (isOfItem ? settled[0] : isEnd ? null : writing) ?? null
  const partialText = isOfItem ? null : (item?.partialText ?? null)
  const { sequence } = job
  const event = { sequence, at: new Date(), kind, job, item, partialText, note: noteOf(job) }
  return { events: [event], isOver: isEnd }
}

type Deps = Pick<Context, 'events' | 'database' | 'viewer'>

function watchJob(
  { events, database, viewer }: Deps,
  globalId: string,
  includePartialText: boolean,
): Watched<JobEvent> {
  const { tenantId } = viewer
  const id = idOf('GenerationJob', globalId)
  const name = `generationJob:${id}`
  const find = async (after: number) => {
    const key = `${name} ${tenantId} ${after}`
    const state = await events.share(key, () =>
      findJobState(database.reads.forTenant(tenantId), id, after),
    )
    if (state && isWithinReach(state.job, viewer)) return state
    throw noSuchJob({ id, globalId })
  }
  return {
    name,
    topics: [topics.job(id)],
    async read(place) {
      const { writing, ...state } = await find(place?.sequence ?? 0)
      if (!includePartialText) return stateNews({ ...state, writing: null }, place)
      if (!isOver(state.job)) {
        await events.share(`${name} texts`, () => watchTexts(database, tenantId, id))
      }
      return stateNews({ ...state, writing }, place)
    },
  }
}

const scopes = (_root: unknown, _args: unknown, { viewer }: Context) =>
  viewer.scopes.has('GENERATE') || { scope: 'CONTENT_READ_DRAFT' as const }

builder.subscriptionField('generationJob', (t) =>
  t.field({
    type: JobEventObject,
    description: 'One job: as it is now, whenever it has changed, and how it ended; then it ends.',
    authScopes: scopes,
    directives: { tag: { name: 'studio' } },
    args: {
      id: t.arg.id({ required: true }),
      after: t.arg.string(),
      includePartialText: t.arg.boolean({ required: true, defaultValue: false }),
    },
    subscribe: (_root, { id, after, includePartialText }, context) =>
      watch(context, watchJob(context, id, includePartialText), after),
    resolve: (event) => event,
  }),
)

function watchJobs({ events, database, viewer }: Deps, brandId: string | null): Watched<JobEvent> {
  const { tenantId } = viewer
  const notes = new Map<string, string>()
  const eventOf = (job: GenerationJob): JobEvent => {
    const kind = kindOf(job, notes.get(job.id) ?? null)
    if (isOver(job)) notes.delete(job.id)
    else notes.set(job.id, noteOf(job))
    return { sequence: job.sequence, at: new Date(), kind, job, item: null, partialText: null }
  }
  const isMeant = (job: GenerationJob) =>
    isWithinReach(job, viewer) && (brandId === null || job.brandId === brandId)
  const newsOf = ({ jobs, upTo, hasMore }: JobPage): News<JobEvent> => ({
    events: jobs.filter(isMeant).map(eventOf),
    upTo,
    hasMore,
  })
  return {
    name: 'generationJobs',
    topics: [topics.jobs(tenantId)],
    async read(place) {
      const after = place && place.sequence
      const list = () => listJobNews(database.reads.forTenant(tenantId), after)
      return newsOf(await events.share(`generationJobs ${tenantId} ${after}`, list))
    },
  }
}

builder.subscriptionField('generationJobs', (t) =>
  t.field({
    type: JobEventObject,
    description:
      'Every job: those that are not over, or those that changed behind `after`, and whatever changes from then on. `item` and `partialText` are null.',
    authScopes: scopes,
    directives: { tag: { name: 'studio' } },
    args: { brandId: t.arg.id(), after: t.arg.string() },
    subscribe: (_root, { brandId, after }, context) =>
      watch(context, watchJobs(context, brandId == null ? null : idOf('Brand', brandId)), after),
    resolve: (event) => event,
  }),
)
