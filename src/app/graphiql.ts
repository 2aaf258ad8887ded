import { renderGraphiQL } from '@graphql-yoga/render-graphiql'

const page = `# A page of contents. Press the play button.
query Contents {
  contents(first: 10) {
    nodes {
      id
      title
      type
      status
      author { displayName }
      brand { name }
      body { format text(maxLength: 200) }
    }
    pageInfo { hasNextPage endCursor }
    totalCount { value isExact }
  }
}
`

const create = `# Creates a content. With an idempotencyKey it may safely be sent twice.
mutation Create {
  createContent(
    input: {
      title: "Hello"
      body: { format: MARKDOWN, raw: "# Hello\\n\\nWritten in GraphiQL." }
      type: POST
      tags: ["hello"]
    }
  ) {
    __typename
    ... on ContentSuccess { content { id version } quota { usagePercent } }
    ... on Error { code message }
  }
}
`

const history = `# The versions of the newest content, with what each one looked like.
query Versions {
  contents(first: 1) {
    nodes {
      title
      versions(first: 5) {
        nodes { versionNumber changeType changesSummary retention snapshot { title body { raw } } }
      }
    }
  }
}
`

const edit = `# Changes one of the demo contents and names it by its external reference. Send it twice, and
# the second time nothing is left to change. Take its version back with restoreVersion.
mutation Edit {
  updateContent(
    input: {
      ref: { externalRef: { system: "demo", id: "nine-minutes" } }
      metadataPatch: [{ op: "add", path: "/reviewed", value: true }]
      changesSummary: "Reviewed."
    }
  ) {
    __typename
    ... on ContentSuccess { content { version metadata versions(first: 2) { nodes { changesSummary } } } }
    ... on ConflictError { message currentVersion }
    ... on Error { code message }
  }
}
`

const quota = `# What the tenant stores, and what its plan allows.
query Quota {
  quota {
    planTier
    warningLevel
    usage { totalContentItems totalStorageBytes versionStorageBytes usageByType { type count bytes } }
    limits { storageLimitGb usagePercent retentionDays }
  }
}
`

const watch = `# Watches the generation jobs that are not over, and those that begin from now on. GraphiQL
# ends it when you go to another tab: start a job first, or in another window.
subscription Watch {
  generationJobs {
    sequence
    kind
    job { status progress targetCount totalCostUsd estimatedCompletionAt message }
  }
}
`

const generate = `# Lets a model write sixty posts, which takes ten seconds. Press play, go to the next tab and
# press play there. Locally the model is a stand-in that writes from templates.
mutation Generate {
  generateContentBatch(
    input: {
      jobType: "batch_social"
      contentType: POST
      targetCount: 60
      platforms: [INSTAGRAM, FACEBOOK]
      params: {
        model: "local-writer"
        promptTemplate: "Write an engaging post about {topic}."
        topics: ["our winter roast", "a quiet morning at the harbour", "the new grinder"]
        tone: "warm"
      }
    }
  ) {
    __typename
    ... on GenerationJobSuccess {
      job { id status estimatedCompletionAt estimatedCostUsd estimatedStorageBytes }
    }
    ... on Error { code message }
  }
}
`

const generated = `# What the newest job has made.
query Generated {
  generationJobs(first: 1) {
    nodes {
      status
      message
      totalCostUsd
      generatedContents(first: 10) {
        nodes { title hashtags body { raw } generation { model prompt costUsd } }
      }
    }
  }
}
`

const dayMs = 86_400_000

/** Of the three weeks before the page is opened. */
function analytics(now: Date): string {
  const from = new Date(now.getTime() - 21 * dayMs).toISOString()
  return `# How the contents of your brands did in the last three weeks: made-up numbers in the demo.
query Analytics {
  analyticsReport(range: { from: "${from}", to: "${now.toISOString()}" }, granularity: WEEK) {
    totals { impressions clicks ctr engagementRate conversions revenue }
    top(first: 3, by: CLICKS) { content { title } totals { clicks ctr } }
    rows { at platform totals { impressions clicks } }
    bytesScanned
    freshAsOf
  }
}
`
}

const stores = `# How the stores are doing, and how much of your contents is in the recovery copy.
query Stores {
  storeHealth { store state p95Ms errorRate message }
  backupStatus { enabled percentSynced unsyncedCount lagSeconds rpoMet lastSuccessAt lastError }
}
`

const me = `# Who you are and what you may do.
query Me {
  viewer { user { displayName } tenant { name planTier } brands { name } scopes }
}
`

/** What the tabs show first. */
export function exampleOperations(now: Date): string[] {
  return [
    page,
    create,
    edit,
    history,
    generate,
    watch,
    generated,
    analytics(now),
    quota,
    stores,
    me,
  ]
}

/**
 * GraphiQL with example queries in its tabs; needs no network. Every request carries `token` unless
 * the tab's own headers say otherwise: it is not written into the tabs, where it would grow old.
 */
export function graphiqlPage(token: string): string {
  return renderGraphiQL({
    title: 'Content gateway',
    endpoint: '/graphql',
    // Subscriptions come in the address, see cross-origin.ts.
    additionalHeaders: { authorization: `Bearer ${token}`, 'x-csrf-prevention': '1' },
    defaultTabs: exampleOperations(new Date()).map((query) => ({ query })),
  })
}
