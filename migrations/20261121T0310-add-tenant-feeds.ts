import { Migration } from '@mikro-orm/migrations'
import { isolate } from './support/tenant-isolation.ts'

export class AddTenantFeeds extends Migration {
  override up(): void {
    this.addSql(`
      create table tenant_feeds (
        tenant_id uuid primary key references tenants (id) on delete cascade,
        sequence bigint not null default 0
      );
      comment on table tenant_feeds is
        'Numbers the changes of a tenant in the order in which they commit; locked until then';

      alter table content_versions add column sequence bigint;
      update content_versions v set sequence = numbered.sequence
      from (
        select tenant_id, id, row_number() over (partition by tenant_id order by id) as sequence
        from content_versions
      ) numbered
      where v.tenant_id = numbered.tenant_id and v.id = numbered.id;
      alter table content_versions alter column sequence set not null;
      create unique index uq_content_versions_sequence on content_versions (tenant_id, sequence);

      alter table content_tombstones add column sequence bigint;
      update content_tombstones t set sequence = numbered.sequence
      from (
        select tenant_id, content_id, row_number() over (partition by tenant_id order by created_at)
          + (select count(*) from content_versions v where v.tenant_id = c.tenant_id) as sequence
        from content_tombstones c
      ) numbered
      where t.tenant_id = numbered.tenant_id and t.content_id = numbered.content_id;
      alter table content_tombstones alter column sequence set not null;
      create unique index uq_content_tombstones_sequence on content_tombstones (tenant_id, sequence);

      insert into tenant_feeds (tenant_id, sequence)
      select t.id, (select count(*) from content_versions v where v.tenant_id = t.id)
        + (select count(*) from content_tombstones c where c.tenant_id = t.id)
      from tenants t;
    `)
    this.addSql(isolate('tenant_feeds', 'tenant_id', 'select, insert, update'))
  }

  override down(): void {
    this.addSql(`
      alter table content_tombstones drop column sequence;
      alter table content_versions drop column sequence;
      drop table tenant_feeds;
    `)
  }
}
