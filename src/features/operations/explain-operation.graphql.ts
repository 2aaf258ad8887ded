import { builder } from '../../graphql/builder.ts'
import { type OperationPlan, planOperation } from '../../graphql/operation-plan.ts'
import { TrustedDocumentNode } from '../partners/trusted-documents.graphql.ts'
import { ScopeEnum } from '../tenancy/tenancy.graphql.ts'

// What a cache or a store will do is not here: `x-explain: 1` reports what really happened.
const OperationPlanObject = builder.objectRef<OperationPlan>('OperationPlan').implement({
  description: 'What an operation asks for, told without executing it.',
  fields: (t) => ({
    valid: t.boolean({
      description: 'Whether it would be executed.',
      resolve: ({ errors }) => errors.length === 0,
    }),
    errors: t.exposeStringList('errors'),
    cost: t.exposeInt('cost', { description: 'Points; 2,000 are allowed.' }),
    depth: t.exposeInt('depth', { description: 'Levels of fields; 10 are allowed.' }),
    nodes: t.exposeInt('nodes', { description: 'Items that its lists may have.' }),
    scopes: t.field({
      type: [ScopeEnum],
      description: 'That its fields ask for.',
      resolve: ({ scopes }) => [...scopes],
    }),
    deprecatedFields: t.exposeStringList('deprecatedFields', {
      description: 'By their coordinates, e.g. `Content.body`.',
    }),
  }),
})

builder.queryField('explainOperation', (t) =>
  t.field({
    type: OperationPlanObject,
    description: 'Whether an operation would be executed, and at what cost.',
    // Reading a document takes the processor longer than anything else here.
    directives: { cost: { weight: '20' }, tag: { name: 'partner' } },
    // Whoever may send an operation may ask about it.
    authScopes: () => true,
    args: {
      document: t.arg.string({ required: true }),
      variables: t.arg({ type: 'JSON' }),
      operationName: t.arg.string(),
    },
    resolve: (_root, { document, variables, operationName }, _context, { schema }) =>
      planOperation(schema, { document, operationName, variables: Object(variables ?? {}) }),
  }),
)

builder.objectField(TrustedDocumentNode, 'plan', (t) =>
  t.field({
    type: OperationPlanObject,
    description: 'By the schema of today: what is deprecated by now, or gone, is told here.',
    directives: { cost: { weight: '20' } },
    resolve: ({ body }, _args, _context, { schema }) =>
      planOperation(schema, { document: body, variables: {} }),
  }),
)
