import { appendFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { cruise, format, type ICruiseResult } from 'dependency-cruiser'
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options'

/** One offence against each rule: who imports what. A rule that lets its offence pass is no rule. */
const offences: Record<string, readonly [from: string, to: string]> = {
  'no-cycle': ['src/app/server.ts', 'src/app/server.ts'],
  'no-index-file-re-exports': ['src/platform/index.ts', 'src/platform/log.ts'],
  'nothing-imports-bin': ['test/app/start.test.ts', 'src/bin/gateway.ts'],
  'lib-imports-node-only': ['src/lib/id.ts', 'uuid'],
  'local-stands-outside': ['src/local/llm.ts', 'src/platform/config.ts'],
  'only-programs-start-stand-ins': ['src/platform/models.ts', 'src/local/llm.ts'],
  'platform-knows-no-caller': ['src/platform/tasks.ts', 'src/app/tasks.ts'],
  'graphql-is-empty-without-features': ['src/graphql/context.ts', 'src/features/live/room.ts'],
  'features-do-not-know-the-app': ['src/features/content/content.graphql.ts', 'src/app/schema.ts'],
  'rules-run-without-a-request': ['src/features/content/list-contents.ts', '@pothos/core'],
  'features-use-no-driver': ['src/features/quota/reserve-storage.ts', 'pg'],
  'one-door-to-bigquery': ['src/features/analytics/a.ts', '@google-cloud/bigquery'],
  'graphql-translates': ['src/features/live/live.graphql.ts', 'src/features/content/publish.ts'],
  'features-stand-in-the-row': ['src/features/weather/forecast.ts', 'src/lib/align.ts'],
  'left-of-tenancy': ['src/features/tenancy/a.ts', 'src/features/quota/b.ts'],
  'left-of-quota': ['src/features/quota/a.ts', 'src/features/media/b.ts'],
  'left-of-media': ['src/features/media/a.ts', 'src/features/content/b.ts'],
  'left-of-content': ['src/features/content/a.ts', 'src/features/writing/b.ts'],
  'left-of-writing': ['src/features/writing/a.ts', 'src/features/editing/b.ts'],
  'left-of-editing': ['src/features/editing/a.ts', 'src/features/versions/b.ts'],
  'left-of-versions': ['src/features/versions/a.ts', 'src/features/generation/b.ts'],
  'left-of-llm-keys': ['src/features/llm-keys/a.ts', 'src/features/generation/b.ts'],
  'only-the-worker-opens-keys': [
    'src/features/commissioning/generate-content-batch.ts',
    'src/features/llm-keys/open-llm-key.ts',
  ],
  'siblings-do-not-know-each-other': ['src/features/search/a.ts', 'src/features/live/b.ts'],
  'both-ends-of-generation': ['src/features/drafting/a.ts', 'src/features/commissioning/b.ts'],
  'copies-do-not-know-each-other': ['src/features/backup/a.ts', 'src/features/restoring/b.ts'],
  'archives-are-no-backup': ['src/features/archives/a.ts', 'src/features/backup/b.ts'],
  'left-of-recovery': ['src/features/recovery/a.ts', 'src/features/partners/b.ts'],
  'left-of-partners': ['src/features/partners/a.ts', 'src/features/operations/b.ts'],
}

const options = await extractDepcruiseOptions('./.dependency-cruiser.json')

async function read(baseDir: string): Promise<ICruiseResult> {
  const { output } = await cruise(['{src,test,bench}/**/*.ts'], { ...options, baseDir })
  return output as ICruiseResult
}

/** Rules that types may break. */
const aboutValues = new Set(['graphql-translates'])

/** Writes every offence, as a type-only import where that is one, into an otherwise empty house. */
async function plant(house: string): Promise<void> {
  for (const [rule, [from, to]] of Object.entries(offences)) {
    const ours = to.endsWith('.ts')
    const specifier = ours ? `./${relative(dirname(from), to)}` : to
    const type = aboutValues.has(rule) ? '' : 'type '
    const form = from.endsWith('/index.ts') ? `export ${type}*` : `import ${type}* as planted`
    await append(join(house, ours ? to : `node_modules/${to}/index.js`), '')
    await append(join(house, from), `${form} from '${specifier}'\n`)
  }
}

async function append(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await appendFile(file, text)
}

async function missedOffences(): Promise<string[]> {
  const house = await mkdtemp(join(tmpdir(), 'floors-'))
  try {
    await plant(house)
    const { violations } = (await read(house)).summary
    const caught = new Set(violations.map(({ rule, from }) => `${rule.name} ${from}`))
    const rules = options.ruleSet?.forbidden?.map((rule) => rule.name ?? '') ?? []
    return rules.filter((rule) => !caught.has(`${rule} ${offences[rule]?.[0]}`))
  } finally {
    await rm(house, { recursive: true })
  }
}

const missed = await missedOffences()
if (missed.length > 0) throw new Error(`planted, but not caught: ${missed.join(', ')}`)

const house = await read(process.cwd())
if (house.modules.length === 0) throw new Error('no module was read')

const report = await format(house, { outputType: 'err-long' })
process.stdout.write(report.output as string)
process.exitCode = report.exitCode
