import { contentsOf, type PageRequest } from './pages.ts'
import type { World } from './world.ts'

/** As many tables as PostGraphile needs to have everything in one place. */
const tableSql = `
  create schema one_store;
  create table one_store.contents (
    id uuid primary key, tenant_id uuid not null, title text not null, type text not null,
    status text not null, created_at timestamptz not null, updated_at timestamptz not null,
    tags text[] not null, preview text not null, body text not null
  );
  create index on one_store.contents (created_at desc, id desc);
  alter table one_store.contents enable row level security;
  create policy own on one_store.contents
    using (tenant_id = current_setting('one_store.tenant_id')::uuid);
  create role one_store_reader login password 'bench';
  grant connect on database gateway to one_store_reader;
  grant usage on schema one_store to one_store_reader;
  grant select on one_store.contents to one_store_reader;
`

/** Copies the contents of all pages, with their bodies, to a table that needs no second store; once. */
export async function fillOneStore(
  { administrator, tenantId, readerUrl }: World,
  pages: readonly PageRequest[],
): Promise<string> {
  const found = await administrator.query(`select to_regclass('one_store.contents') as "table"`)
  if (found.rows[0]?.table === null) {
    await administrator.query(tableSql)
    for (const { answer } of pages) await copyPage(answer)
    await administrator.query('vacuum (analyze) one_store.contents')
  }
  return Object.assign(new URL(readerUrl), { username: 'one_store_reader' }).href

  async function copyPage(answer: string): Promise<void> {
    const rows = contentsOf(answer).map(({ id, body, createdAt, updatedAt, ...content }) => ({
      ...content,
      id: Buffer.from(id, 'base64url').toString().split(':')[2],
      tenant_id: tenantId,
      created_at: createdAt,
      updated_at: updatedAt,
      body: typeof body === 'string' ? body : body?.raw,
    }))
    await administrator.query(
      `insert into one_store.contents
       select * from json_populate_recordset(null::one_store.contents, $1)`,
      [JSON.stringify(rows)],
    )
  }
}
