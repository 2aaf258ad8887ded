import { assertInterfaceType, type GraphQLSchema, specifiedDirectives } from 'graphql'
import { builder } from '../graphql/builder.ts'
import { tagFields } from '../graphql/contract.ts'
import { countNodes } from '../graphql/count-nodes.ts'
import { schemaDirectives } from '../graphql/directives.ts'
import { encodeGlobalId } from '../graphql/global-id.ts'
import '../graphql/scalars.ts'
import '../graphql/errors.ts'
import '../features/tenancy/tenancy.graphql.ts'
import '../features/tenancy/rate-limit.graphql.ts'
import '../features/tenancy/audit-events.graphql.ts'
import '../features/tenancy/update-brand.graphql.ts'
import '../features/quota/quota.graphql.ts'
import '../features/quota/tenant-quota.graphql.ts'
import '../features/quota/recalculate-quota.graphql.ts'
import '../features/quota/quota-changed.graphql.ts'
import '../features/content/content.graphql.ts'
import '../features/content/contents-connection.graphql.ts'
import '../features/versions/content-versions.graphql.ts'
import '../features/versions/version-diff.graphql.ts'
import '../features/versions/version-mutations.graphql.ts'
import '../features/editing/content-mutations.graphql.ts'
import '../features/editing/content-status.graphql.ts'
import '../features/editing/content-changed.graphql.ts'
import '../features/content/usage-breakdown.graphql.ts'
import '../features/llm-keys/llm-keys.graphql.ts'
import '../features/generation/generation-job.graphql.ts'
import '../features/generation/generation-job-items.graphql.ts'
import '../features/generation/generation-jobs.graphql.ts'
import '../features/commissioning/estimate-generation.graphql.ts'
import '../features/commissioning/generation-mutations.graphql.ts'
import '../features/generation/content-generation.graphql.ts'
import '../features/generation/generation-events.graphql.ts'
import '../features/archives/backup-archives.graphql.ts'
import '../features/analytics/content-analytics.graphql.ts'
import '../features/analytics/analytics-report.graphql.ts'
import '../features/backup/backup.graphql.ts'
import '../features/restoring/restore.graphql.ts'
import '../features/partners/api-keys.graphql.ts'
import '../features/partners/api-key-mutations.graphql.ts'
import '../features/partners/usage.graphql.ts'
import '../features/partners/trusted-documents.graphql.ts'
import '../features/operations/read-mode.graphql.ts'
import '../features/operations/store-health.graphql.ts'
import '../features/operations/alerts.graphql.ts'
import '../features/operations/ops-dashboard.graphql.ts'
import '../features/operations/explain-operation.graphql.ts'

/** The one schema. Every `*.graphql.ts` is imported above and adds its part to the builder. */
export function toSchema(): GraphQLSchema {
  const schema = builder.toSchema({ directives: [...specifiedDirectives, ...schemaDirectives] })
  answerIdsAtOnce(schema)
  countNodes(schema)
  tagFields(schema)
  return schema
}

/** Relay's plugin resolves each `id` by a promise, and one such field makes a page of promises. */
function answerIdsAtOnce(schema: GraphQLSchema): void {
  for (const type of schema.getPossibleTypes(assertInterfaceType(schema.getType('Node')))) {
    const field = type.getFields()['id']
    if (field) field.resolve = ({ id }: { id: string }) => encodeGlobalId(type.name, id)
  }
}
