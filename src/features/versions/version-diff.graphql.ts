import { createContextCache } from '@pothos/core'
import { badUserInput } from '../../graphql/bad-user-input.ts'
import { builder } from '../../graphql/builder.ts'
import type { Context } from '../../graphql/context.ts'
import { loadBody } from '../content/content-body.graphql.ts'
import {
  bodyRefOf,
  ContentVersionNode,
  getSnapshot,
  versionsByNumber,
} from './content-version.graphql.ts'
import type { RetainedVersion } from './content-version.loaders.ts'
import {
  changedFields,
  type ComparedVersion,
  patchVersions,
  printFields,
} from './diff-snapshots.ts'
import type { Snapshot } from '../content/snapshot.ts'
import { diffTexts } from './text-diff.ts'
import type { Compared } from './text-diff/compare.ts'
import { unifiedDiff } from './text-diff/unified.ts'

type DiffFormat = 'JSON_PATCH' | 'UNIFIED' | 'WORDS'

/** Two versions of one content; their texts are read and compared when a field needs it. */
interface VersionDiff {
  from: RetainedVersion
  to: RetainedVersion
  before: Snapshot
  after: Snapshot
  format: DiffFormat
  words: () => Promise<Compared>
}

const DiffFormatEnum = builder.enumType('DiffFormat', {
  values: {
    JSON_PATCH: { description: 'In `patch`: RFC 6902, the body at /body/raw.' },
    UNIFIED: {
      description:
        'In `text`: a git patch of two files, `fields.json` (all but the body, a value a line) and `body`; a file that is the same in both is left out.',
    },
    WORDS: {
      description: 'In `text`: the whole body, with [-removed-] and {+added+} words marked.',
    },
  } as const,
})

const VersionDiffObject = builder.objectRef<VersionDiff>('VersionDiff').implement({
  description:
    'What changed from one version of a content to another, in either direction of time.',
  fields: (t) => ({
    from: t.int({ resolve: ({ from }) => from.versionNumber }),
    to: t.int({ resolve: ({ to }) => to.versionNumber }),
    format: t.expose('format', { type: DiffFormatEnum }),
    patch: t.field({
      type: 'JSONPatch',
      nullable: true,
      description: 'With the format JSON_PATCH.',
      resolve: async (diff, _args, context) =>
        diff.format === 'JSON_PATCH' ? patchVersions(...(await readBoth(diff, context))) : null,
    }),
    text: t.string({
      nullable: true,
      description: 'With the other formats.',
      resolve: async (diff, _args, context) => {
        if (diff.format === 'UNIFIED') return unified(diff, context)
        return diff.format === 'WORDS' ? (await diff.words()).text : null
      },
    }),
    addedChars: t.int({
      nullable: true,
      directives: { semanticNonNull: {} },
      description: 'Characters in the words that were added to the body.',
      resolve: async ({ words }) => (await words()).addedChars,
    }),
    removedChars: t.int({
      nullable: true,
      directives: { semanticNonNull: {} },
      description: 'Characters in the words that were removed from the body.',
      resolve: async ({ words }) => (await words()).removedChars,
    }),
    changedFields: t.stringList({
      description: 'Names of what differs, e.g. "title", "metadata.tags", "body".',
      resolve: ({ before, after }) => changedFields(before, after),
    }),
  }),
})

builder.objectField(ContentVersionNode, 'diff', (t) =>
  t.field({
    type: VersionDiffObject,
    nullable: true,
    directives: { semanticNonNull: {}, cost: { weight: '5' } },
    description: 'What changed from version `against` of the same content to this one.',
    args: {
      against: t.arg.int({ required: true }),
      format: t.arg({ type: DiffFormatEnum, required: true, defaultValue: 'JSON_PATCH' }),
    },
    resolve: async (to, { against, format }, context): Promise<VersionDiff> => {
      const key = { contentId: to.contentId, number: against }
      const from = await versionsByNumber(context).load(key)
      if (!from) throw badUserInput(`against: this content has no version ${against}.`)
      const [before, after] = await Promise.all([
        getSnapshot(from, context),
        getSnapshot(to, context),
      ])
      const diff = { from, to, before, after, format }
      let words: Promise<Compared> | undefined
      return { ...diff, words: () => (words ??= compare(diff, 'words', context)) }
    },
  }),
)

type Versions = Omit<VersionDiff, 'words'>

async function readBoth(
  { from, to, before, after }: Versions,
  context: Context,
): Promise<[ComparedVersion, ComparedVersion]> {
  const [old, now] = await Promise.all([
    loadBody(bodyRefOf(before, from), context),
    loadBody(bodyRefOf(after, to), context),
  ])
  return [
    { snapshot: before, raw: old.document.raw.text },
    { snapshot: after, raw: now.document.raw.text },
  ]
}

async function unified(diff: Versions, context: Context): Promise<string> {
  const fields = unifiedDiff('fields.json', printFields(diff.before), printFields(diff.after))
  return fields + (await compare(diff, 'unified', context)).text
}

/** Characters that one operation may have compared: others wait for the same thread. */
const maxComparedLength = 20_000_000

const comparedLength = createContextCache((_context: Context) => ({ sum: 0 }))

async function compare(
  diff: Versions,
  kind: 'words' | 'unified',
  context: Context,
): Promise<Compared> {
  const [before, after] = await readBoth(diff, context)
  const compared = comparedLength(context)
  compared.sum += before.raw.length + after.raw.length
  if (compared.sum > maxComparedLength) {
    throw badUserInput(
      `One operation compares texts of ${maxComparedLength} characters at most: ask for fewer diffs.`,
    )
  }
  return diffTexts({ kind, from: before.raw, to: after.raw }, context.signal)
}
