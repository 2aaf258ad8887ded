import { Migration } from '@mikro-orm/migrations'
import { isolate } from './support/tenant-isolation.ts'

const kindsBefore = `'STORAGE_USAGE', 'USAGE_DRIFT', 'SYNC_LAG', 'SYNC_FAILED'`

export class AddOperationsView extends Migration {
  override up(): void {
    this.addSql(`
      alter table alerts drop constraint alerts_kind_check;
      alter table alerts add constraint alerts_kind_check
        check (kind in (${kindsBefore}, 'QUOTA_REJECTIONS'));
      create index idx_alerts_resolved on alerts (tenant_id, resolved_at)
        where resolved_at is not null;

      create table alert_acknowledgements (
        tenant_id uuid not null references tenants (id) on delete cascade,
        alert_id uuid not null,
        user_id uuid,
        acknowledged_at timestamptz(3) not null default now(),
        primary key (tenant_id, alert_id),
        foreign key (tenant_id, user_id) references users (tenant_id, id)
          on delete set null (user_id)
      );
      create index idx_alert_acknowledgements_user on alert_acknowledgements (tenant_id, user_id);
      comment on column alert_acknowledgements.alert_id is
        'Of alerts, or of stores.alerts: that one each tenant acknowledges for itself';

      create table quota_rejections (
        tenant_id uuid not null references tenants (id) on delete cascade,
        day date not null,
        plan_tier text not null,
        rejections integer not null check (rejections > 0),
        primary key (tenant_id, day, plan_tier)
      );
      comment on column quota_rejections.day is 'In UTC';
      comment on column quota_rejections.plan_tier is 'The plan whose limit it was';

      create schema stores;
      create table stores.zerodb_minutes (
        minute timestamptz(3) not null,
        instance uuid not null,
        requests integer not null,
        failures integer not null,
        slow integer not null,
        p50_ms double precision not null,
        p95_ms double precision not null,
        p99_ms double precision not null,
        primary key (minute, instance)
      );
      comment on schema stores is 'How the stores fare, whoever uses them: numbers and times';
      comment on column stores.zerodb_minutes.slow is 'Answered after more than 500 ms';
      create table stores.alerts (
        id uuid primary key,
        kind text not null check (kind in ('ZERODB_LATENCY', 'ZERODB_ERRORS')),
        threshold text not null,
        value text not null,
        firing_since timestamptz(3) not null default now(),
        resolved_at timestamptz(3)
      );
      create unique index uq_store_alerts_firing on stores.alerts (kind)
        where resolved_at is null;
      create index idx_store_alerts_resolved on stores.alerts (resolved_at)
        where resolved_at is not null;
      grant usage on schema stores to app_system, app_tenant;
      grant select, insert, update, delete on stores.zerodb_minutes to app_system;
      grant select, insert, update on stores.alerts to app_system;
      grant select on stores.zerodb_minutes, stores.alerts to app_tenant;

      create table relay.backlogs (
        tenant_id uuid primary key,
        above_since timestamptz(3) not null default now()
      );
      comment on table relay.backlogs is
        'Since when tenants have had more waiting than an alert allows (E-197)';
      grant select, insert, delete on relay.backlogs to app_relay;
    `)
    this.addSql(isolate('alert_acknowledgements', 'tenant_id', 'select, insert'))
    this.addSql(isolate('quota_rejections', 'tenant_id', 'select, insert, update'))
    this.addSql(`
      create policy find_work on quota_rejections for select to app_system using (true);
      grant select (tenant_id, day) on quota_rejections to app_system;
    `)
  }

  override down(): void {
    this.addSql(`
      drop table relay.backlogs;
      drop schema stores cascade;
      drop table quota_rejections;
      drop table alert_acknowledgements;
      drop index idx_alerts_resolved;
      alter table alerts no force row level security;
      delete from alerts where kind = 'QUOTA_REJECTIONS';
      alter table alerts force row level security;
      alter table alerts drop constraint alerts_kind_check;
      alter table alerts add constraint alerts_kind_check check (kind in (${kindsBefore}));
    `)
  }
}
