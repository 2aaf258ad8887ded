import { builder } from '../../graphql/builder.ts'
import { DateRangeInput, readDateRange } from '../../graphql/date-range.ts'
import { listOf } from '../../graphql/list-size.ts'
import { ApiKeyNode } from './api-keys.graphql.ts'
import { listUsage, type OperationUsage } from './list-usage.ts'

const maxDays = 92

const OperationUsageObject = builder.objectRef<OperationUsage>('OperationUsage').implement({
  description: 'What a key asked for by one operation.',
  fields: (t) => ({
    operationName: t.exposeString('operationName', {
      nullable: true,
      description:
        'As the client calls it; null without a name. Beyond a thousand in a day the rest is "(other)".',
    }),
    documentId: t.exposeString('documentId', {
      nullable: true,
      description: 'Null where it was no trusted document.',
    }),
    calls: t.expose('calls', { type: 'BigInt' }),
    cost: t.expose('cost', { type: 'BigInt', description: 'Cost points of all calls together.' }),
    p95Ms: t.exposeFloat('p95Ms', {
      description: 'Nineteen calls in twenty took no longer; rounded up to a step of a scale.',
    }),
    errors: t.expose('errors', { type: 'BigInt', description: 'Calls with any error.' }),
  }),
})

builder.objectField(ApiKeyNode, 'usage', (t) =>
  t.field({
    type: [OperationUsageObject],
    directives: listOf(100),
    description: `The hundred dearest operations on the days, in UTC, that the range touches, ${maxDays} at most. A few seconds old.`,
    args: { range: t.arg({ type: DateRangeInput, required: true }) },
    resolve: ({ id }, { range }, { reads }) => listUsage(reads, id, readDateRange(range, maxDays)),
  }),
)
