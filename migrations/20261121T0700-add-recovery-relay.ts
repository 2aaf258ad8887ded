import { Migration } from '@mikro-orm/migrations'

/** What the relay of the recovery copy may see of an event, and what it notes there. */
const seen =
  'tenant_id, id, content_id, version_number, operation, size_bytes, created_at, batch_id, attempts, backed_up_at, quarantined_at'
const noted = 'batch_id, attempts, backed_up_at, quarantined_at, error'

export class AddRecoveryRelay extends Migration {
  override up(): void {
    this.addSql(`
      alter table backup_outbox add column size_bytes bigint not null default 0;
      alter table backup_outbox add column batch_id uuid;
      alter table backup_outbox add column attempts integer not null default 0;
      alter table backup_outbox add column backed_up_at timestamptz(3);
      alter table backup_outbox add column quarantined_at timestamptz(3);
      alter table backup_outbox add column error text;
      comment on column backup_outbox.size_bytes is
        'About what its row in the copy weighs; what travels together is limited by it';
      comment on column backup_outbox.batch_id is 'The load job it travels with';
      comment on column backup_outbox.attempts is 'How often it was refused';
      comment on column backup_outbox.quarantined_at is 'Given up: somebody has to look at it';
      alter table content_versions drop column bigquery_backed_up_at;

      create index idx_backup_outbox_pending on backup_outbox (created_at, id)
        where backed_up_at is null and quarantined_at is null and batch_id is null;
      create index idx_backup_outbox_batch on backup_outbox (batch_id)
        where backed_up_at is null and batch_id is not null;
      create index idx_backup_outbox_unsynced on backup_outbox (tenant_id, created_at)
        where backed_up_at is null;

      create schema relay;
      create table relay.batches (
        id uuid primary key,
        state text not null default 'open' check (state in ('open', 'loaded')),
        fence integer not null default 1,
        lease_expires_at timestamptz(3) not null,
        attempt integer not null default 1,
        rows integer,
        events integer not null,
        bytes bigint not null,
        created_at timestamptz(3) not null default now(),
        ended_at timestamptz(3)
      );
      comment on schema relay is
        'How the events of all tenants travel to the recovery copy: ids, numbers and times';
      comment on column relay.batches.fence is 'Rises with whoever takes the batch over';
      comment on column relay.batches.attempt is
        'Part of the load job''s id; rises when a load job is known to have failed';
      comment on column relay.batches.rows is 'Of the load job, once it is about to be submitted';
      create unique index uq_batches_open on relay.batches (state) where state = 'open';
      create index idx_batches_ended on relay.batches (ended_at);

      create table relay.status (
        the_only_one boolean primary key default true check (the_only_one),
        last_run_at timestamptz(3),
        last_success_at timestamptz(3),
        failing_since timestamptz(3),
        last_error text,
        resting_until timestamptz(3) not null default '-infinity'
      );
      comment on column relay.status.resting_until is
        'After a failure: whatever is due before then waits, unless somebody asks';
      insert into relay.status default values;

      create policy relay_reads on backup_outbox for select to app_relay using (true);
      create policy relay_notes on backup_outbox for update to app_relay
        using (true) with check (true);
      grant select (${seen}), update (${noted}) on backup_outbox to app_relay;
      grant update (batch_id, attempts, backed_up_at, quarantined_at) on backup_outbox
        to app_tenant;
      grant usage on schema relay to app_relay, app_system;
      grant select, insert, update, delete on relay.batches to app_relay;
      grant select, update on relay.status to app_relay;
      grant select on relay.status to app_system;
      create policy find_work on alerts for select to app_system using (true);
      grant select (tenant_id, kind, resolved_at) on alerts to app_system;

      alter table alerts drop constraint alerts_kind_check;
      alter table alerts add constraint alerts_kind_check
        check (kind in ('STORAGE_USAGE', 'USAGE_DRIFT', 'SYNC_LAG', 'SYNC_FAILED'));
    `)
    // In steps of their own: a policy binds the owner too, who is no tenant.
    this.addSql(`
      alter table backup_outbox no force row level security;
      alter table content_versions no force row level security;
      update backup_outbox o set size_bytes = v.size_bytes from content_versions v
      where v.tenant_id = o.tenant_id and v.content_id = o.content_id
        and v.version_number = o.version_number and o.operation <> 'purge';
      alter table backup_outbox force row level security;
      alter table content_versions force row level security;
    `)
  }

  override down(): void {
    this.addSql(`
      alter table alerts no force row level security;
      delete from alerts where kind in ('SYNC_LAG', 'SYNC_FAILED');
      alter table alerts force row level security;
      alter table alerts drop constraint alerts_kind_check;
      alter table alerts add constraint alerts_kind_check
        check (kind in ('STORAGE_USAGE', 'USAGE_DRIFT'));
      revoke all on alerts from app_system;
      drop policy find_work on alerts;
      revoke usage on schema relay from app_relay, app_system;
      drop schema relay cascade;
      drop policy relay_notes on backup_outbox;
      drop policy relay_reads on backup_outbox;
      revoke all on backup_outbox from app_relay;
      revoke update (batch_id, attempts, backed_up_at, quarantined_at) on backup_outbox
        from app_tenant;
      drop index idx_backup_outbox_unsynced, idx_backup_outbox_batch, idx_backup_outbox_pending;
      alter table backup_outbox drop column error, drop column quarantined_at,
        drop column backed_up_at, drop column attempts, drop column batch_id,
        drop column size_bytes;
      alter table content_versions add column bigquery_backed_up_at timestamptz(3);
    `)
  }
}
