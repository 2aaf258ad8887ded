import { builder } from '../../graphql/builder.ts'
import { type ReadMode, readModes } from '../../lib/viewer.ts'
import { OpsResult, type OpsSuccess, OpsSuccessObject } from '../tenancy/ops-result.graphql.ts'
import { TenantNode } from '../tenancy/tenancy.graphql.ts'
import { setReadMode } from './set-read-mode.ts'

export const ReadModeEnum = builder.enumType('ReadMode', {
  description:
    'Where bodies and history entries are read from. AUTO: ZeroDB, and the recovery copy while ZeroDB is away. PRIMARY: ZeroDB alone. FALLBACK: the recovery copy, without asking ZeroDB. METADATA_ONLY: nowhere. Writes are not concerned.',
  values: Object.fromEntries(
    readModes.map((mode) => [mode.toUpperCase(), { value: mode }]),
  ) as Record<Uppercase<ReadMode>, { value: ReadMode }>,
})

builder.objectField(TenantNode, 'readMode', (t) =>
  t.expose('readMode', { type: ReadModeEnum, directives: { tag: { name: 'admin' } } }),
)

interface ModeSet extends OpsSuccess {
  readMode: ReadMode
}

builder.objectField(OpsSuccessObject, 'readMode', (t) =>
  t.field({
    type: ReadModeEnum,
    nullable: true,
    resolve: (done) => (done as Partial<ModeSet>).readMode,
  }),
)

builder.mutationField('setReadMode', (t) =>
  t.field({
    type: OpsResult,
    description:
      'Says where bodies are read from, for your tenant; everywhere within five seconds. The audit keeps the reason.',
    authScopes: { scope: 'OPS_WRITE' },
    args: {
      mode: t.arg({ type: ReadModeEnum, required: true }),
      reason: t.arg.string({ required: true, description: '1 to 500 characters.' }),
    },
    resolve: async (_root, { mode, reason }, context) => {
      const before = await setReadMode(context, { mode, reason })
      const [was, is] = [before.toUpperCase(), mode.toUpperCase()]
      const message =
        was === is
          ? `The read mode was ${is} already; nothing was changed.`
          : `The read mode was ${was} and is ${is}; it takes effect everywhere within five seconds.`
      return { message, readMode: mode } satisfies ModeSet
    },
  }),
)
