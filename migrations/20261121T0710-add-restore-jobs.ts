import { Migration } from '@mikro-orm/migrations'
import { isolate } from './support/tenant-isolation.ts'

export class AddRestoreJobs extends Migration {
  override up(): void {
    this.addSql(`
      create table restore_jobs (
        tenant_id uuid not null references tenants (id) on delete cascade,
        id uuid not null,
        user_id uuid,
        as_of timestamptz(3) not null,
        brand_id uuid,
        content_ids uuid[],
        target text not null check (target in ('zerodb', 'new_zerodb_project', 'dry_run')),
        status text not null default 'pending' check (status in ('pending', 'running',
          'completed', 'completed_with_errors', 'failed')),
        target_count integer not null default 0,
        progress integer not null default 0,
        restored integer not null default 0,
        skipped integer not null default 0,
        mismatched integer not null default 0,
        restored_bytes bigint not null default 0,
        last_version_id uuid,
        report jsonb,
        error_message text,
        attempts integer not null default 0,
        fruitless integer not null default 0,
        lease_expires_at timestamptz(3) not null default '-infinity',
        created_at timestamptz(3) not null default now(),
        started_at timestamptz(3),
        completed_at timestamptz(3),
        primary key (tenant_id, id),
        foreign key (tenant_id, user_id) references users (tenant_id, id)
          on delete set null (user_id),
        foreign key (tenant_id, brand_id) references brands (tenant_id, id)
          on delete set null (brand_id)
      );
      comment on column restore_jobs.target_count is 'Versions to be looked at';
      comment on column restore_jobs.last_version_id is
        'Up to here everything is done; versions are looked at in the order of their ids';
      comment on column restore_jobs.attempts is
        'How often a worker has taken it up; the fence of whoever holds the lease';
      comment on column restore_jobs.fruitless is
        'How often in a row a worker has neither settled a page nor given it back';
      create index idx_restore_jobs_open on restore_jobs (tenant_id)
        where status in ('pending', 'running');
    `)
    this.addSql(isolate('restore_jobs', 'tenant_id', 'select, insert, update'))
    this.addSql(`
      create policy find_work on restore_jobs for select to app_system using (true);
      grant select (tenant_id, id, status, lease_expires_at) on restore_jobs to app_system;
    `)
  }

  override down(): void {
    this.addSql('drop table restore_jobs')
  }
}
