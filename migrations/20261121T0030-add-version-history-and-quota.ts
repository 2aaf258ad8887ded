import { Migration } from '@mikro-orm/migrations'
import { isolate } from './support/tenant-isolation.ts'

/** Tables with a `tenant_id`, and what the tenant's role may do with their rows. */
const tenantTables = {
  queued_documents: 'select, insert, update, delete',
  content_tombstones: 'select, insert, update',
  audit_events: 'select, insert',
  alerts: 'select, insert, update',
  generation_usage: 'select, insert, update',
} as const

export class AddVersionHistoryAndQuota extends Migration {
  override up(): void {
    this.addSql(`
      alter table content_items add column unpublish_at timestamptz(3);
      create index idx_content_items_trash
        on content_items (tenant_id, created_at, id) where deleted_at is not null;
      create index idx_content_items_usage
        on content_items (tenant_id, content_type, brand_id) include (storage_size_bytes)
        where deleted_at is null;
      create index idx_content_items_due_publish
        on content_items (scheduled_at) where status = 'scheduled' and deleted_at is null;
      create index idx_content_items_due_unpublish
        on content_items (unpublish_at)
        where status = 'published' and unpublish_at is not null and deleted_at is null;

      alter table content_versions
        add column restored_from integer,
        add column pinned_at timestamptz(3),
        add column expired_at timestamptz(3),
        add column documents_removed_at timestamptz(3);
      comment on column content_versions.restored_from is 'The version whose state this one repeats';
      comment on column content_versions.expired_at is
        'Retention is over: its documents are no longer read, and will be removed';
      create index idx_content_versions_expired on content_versions (tenant_id, id)
        where expired_at is not null and documents_removed_at is null;

      alter table idempotency_keys add column version_number integer;
      alter table idempotency_keys alter column intent_id drop not null;
      comment on column idempotency_keys.intent_id is 'Null for a call that found nothing to change';
      comment on column idempotency_keys.version_number is 'The version that the write made';

      alter table usage_ledger alter column content_id drop not null;
      alter table usage_ledger add column kind text not null default 'write'
        check (kind in ('write', 'correction'));
      create index idx_usage_ledger_created on usage_ledger (tenant_id, created_at);
      comment on column usage_ledger.operation_id is
        'The write intent that was committed, or a new id for a purge or a correction';

      alter table backup_outbox drop constraint backup_outbox_operation_check;
      alter table backup_outbox add constraint backup_outbox_operation_check
        check (operation in ('upsert', 'delete', 'purge'));

      alter table content_storage_usage
        add column stored_body_bytes bigint not null default 0 check (stored_body_bytes >= 0),
        add column sequence bigint not null default 0;
      comment on column content_storage_usage.stored_body_bytes is
        'Of all body documents kept: current ones, earlier versions and the trash';
      comment on column content_storage_usage.sequence is 'Grows with every change of the row';
      update content_storage_usage u set stored_body_bytes = (
        select coalesce(sum(size_bytes), 0) from (
          select distinct on (document_id) size_bytes from content_versions v
          where v.tenant_id = u.tenant_id order by document_id
        ) documents
      );

      grant delete on content_items, content_versions, backup_outbox to app_tenant;
      grant update (pinned_at, expired_at, documents_removed_at) on content_versions to app_tenant;
    `)

    this.addSql(`
      create table queued_documents (
        tenant_id uuid not null references tenants (id) on delete cascade,
        id uuid not null,
        table_name text not null check (table_name in ('content_items', 'content_versions')),
        content_id uuid not null,
        write_id uuid not null,
        sequence bigint not null generated always as identity,
        document jsonb not null,
        attempts integer not null default 0,
        lease_expires_at timestamptz(3) not null default '-infinity',
        created_at timestamptz(3) not null default now(),
        primary key (tenant_id, id)
      );
      comment on table queued_documents is
        'Rows for ZeroDB that were committed while it was away; they go there in sequence';
      comment on column queued_documents.write_id is 'The write intent that queued it';
      create index idx_queued_documents_sequence on queued_documents (tenant_id, sequence);

      create table content_tombstones (
        tenant_id uuid not null references tenants (id) on delete cascade,
        content_id uuid not null,
        last_version integer not null,
        reason text not null,
        purged_by_user_id uuid,
        document_ids uuid[] not null,
        history_ids uuid[] not null,
        documents_removed_at timestamptz(3),
        created_at timestamptz(3) not null default now(),
        primary key (tenant_id, content_id),
        foreign key (tenant_id, purged_by_user_id) references users (tenant_id, id)
          on delete set null (purged_by_user_id)
      );
      comment on table content_tombstones is 'What was purged, and what of it ZeroDB may still hold';
      create index idx_content_tombstones_pending on content_tombstones (tenant_id, content_id)
        where documents_removed_at is null;

      create table audit_events (
        tenant_id uuid not null references tenants (id) on delete cascade,
        id uuid not null,
        actor_user_id uuid,
        action text not null,
        subject_type text not null,
        subject_id uuid not null,
        before jsonb,
        after jsonb,
        request_id text not null,
        ip text,
        created_at timestamptz(3) not null default now(),
        primary key (tenant_id, id)
      );
      comment on table audit_events is 'Append-only: the tenant role may neither update nor delete';
      create index idx_audit_events_subject on audit_events (tenant_id, subject_id, id);
      create index idx_audit_events_actor on audit_events (tenant_id, actor_user_id, id);

      create table alerts (
        tenant_id uuid not null references tenants (id) on delete cascade,
        id uuid not null,
        kind text not null check (kind in ('STORAGE_USAGE', 'USAGE_DRIFT')),
        threshold text not null,
        value text not null,
        firing_since timestamptz(3) not null default now(),
        resolved_at timestamptz(3),
        primary key (tenant_id, id)
      );
      create unique index uq_alerts_firing on alerts (tenant_id, kind) where resolved_at is null;

      create table generation_usage (
        tenant_id uuid not null references tenants (id) on delete cascade,
        month date not null,
        items integer not null check (items >= 0),
        primary key (tenant_id, month)
      );
      comment on column generation_usage.month is 'Its first day, in UTC';
    `)

    for (const [table, grants] of Object.entries(tenantTables)) {
      this.addSql(isolate(table, 'tenant_id', grants))
    }
    this.addSql(`
      create policy find_work on content_items for select to app_system using (true);
      create policy find_work on content_versions for select to app_system using (true);
      create policy find_work on queued_documents for select to app_system using (true);
      create policy find_work on content_tombstones for select to app_system using (true);
      grant select (tenant_id, status, scheduled_at, unpublish_at, deleted_at)
        on content_items to app_system;
      grant select (tenant_id, expired_at, documents_removed_at) on content_versions to app_system;
      grant select (tenant_id, lease_expires_at) on queued_documents to app_system;
      grant select (tenant_id, documents_removed_at) on content_tombstones to app_system;
    `)
  }

  override down(): void {
    for (const table of Object.keys(tenantTables).toReversed()) {
      this.addSql(`drop table ${table}`)
    }
    this.addSql(`
      drop policy find_work on content_items;
      drop policy find_work on content_versions;
      revoke select (tenant_id, status, scheduled_at, unpublish_at, deleted_at)
        on content_items from app_system;
      revoke select (tenant_id, expired_at, documents_removed_at) on content_versions from app_system;
      revoke update (pinned_at, expired_at, documents_removed_at) on content_versions from app_tenant;
      revoke delete on content_items, content_versions, backup_outbox from app_tenant;

      alter table content_storage_usage drop column stored_body_bytes, drop column sequence;
      alter table backup_outbox drop constraint backup_outbox_operation_check;
      delete from backup_outbox where operation = 'purge';
      alter table backup_outbox add constraint backup_outbox_operation_check
        check (operation in ('upsert', 'delete'));
      drop index idx_usage_ledger_created;
      alter table usage_ledger drop column kind;
      delete from idempotency_keys where intent_id is null;
      alter table idempotency_keys alter column intent_id set not null;
      alter table idempotency_keys drop column version_number;
      alter table content_versions drop column restored_from, drop column pinned_at,
        drop column expired_at, drop column documents_removed_at;
      drop index idx_content_items_usage;
      drop index idx_content_items_trash;
      alter table content_items drop column unpublish_at;
    `)
  }
}
