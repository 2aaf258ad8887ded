import { Migration } from '@mikro-orm/migrations'
import { isolate } from './support/tenant-isolation.ts'

/** Tables with a `tenant_id`, parents first, and what the tenant's role may do with their rows. */
const tenantTables = {
  content_generation_jobs: 'select, insert, update, delete',
  generation_items: 'select, insert, update',
  content_generations: 'select, insert',
} as const

export class AddGenerationJobs extends Migration {
  override up(): void {
    this.addSql(`
      create table content_generation_jobs (
        tenant_id uuid not null references tenants (id) on delete cascade,
        id uuid not null,
        brand_id uuid,
        campaign_space_id uuid,
        user_id uuid,
        job_type text not null check (length(job_type) <= 50),
        content_type text not null,
        target_count integer not null check (target_count > 0),
        platforms text[] not null default '{}',
        provider text not null check (provider in ('openai', 'anthropic', 'google', 'compatible')),
        model text not null,
        llm_key_id uuid,
        own_key boolean not null,
        generation_params jsonb not null,
        brand_adherence jsonb,
        max_cost_usd numeric(14, 6),
        estimated_item_bytes bigint not null,
        estimated_item_cost_usd numeric(14, 6) not null,
        estimated_item_ms integer not null,
        status text not null default 'pending' check (status in ('pending', 'running', 'cancelling',
          'completed', 'completed_with_errors', 'failed', 'cancelled')),
        progress integer not null default 0,
        failed_count integer not null default 0,
        skipped_count integer not null default 0,
        error_code text,
        error_message text,
        total_storage_bytes bigint not null default 0,
        total_cost_usd numeric(14, 6) not null default 0,
        tokens_in bigint not null default 0,
        tokens_out bigint not null default 0,
        sequence bigint not null,
        attempts integer not null default 0,
        lease_expires_at timestamptz(3) not null default '-infinity',
        partial_text_until timestamptz(3) not null default '-infinity',
        counted_at timestamptz(3) not null default now(),
        created_at timestamptz(3) not null default now(),
        started_at timestamptz(3),
        completed_at timestamptz(3),
        primary key (tenant_id, id),
        constraint chk_progress_valid check (progress >= 0 and failed_count >= 0
          and skipped_count >= 0 and progress + failed_count + skipped_count <= target_count),
        foreign key (tenant_id, brand_id) references brands (tenant_id, id)
          on delete set null (brand_id),
        foreign key (tenant_id, campaign_space_id) references campaign_spaces (tenant_id, id)
          on delete set null (campaign_space_id),
        foreign key (tenant_id, user_id) references users (tenant_id, id)
          on delete set null (user_id),
        foreign key (tenant_id, llm_key_id) references llm_keys (tenant_id, id)
          on delete set null (llm_key_id)
      );
      comment on column content_generation_jobs.sequence is
        'Of tenant_feeds: when it last changed in a way that its watchers are told';
      comment on column content_generation_jobs.attempts is
        'How often a worker has taken it up; the fence of whoever holds the lease';
      comment on column content_generation_jobs.counted_at is
        'When its open items were counted against the month';
      comment on column content_generation_jobs.partial_text_until is
        'Somebody watches the texts while they are being written';
      create index idx_content_generation_jobs_tenant
        on content_generation_jobs (tenant_id, created_at, id);
      create index idx_content_generation_jobs_brand
        on content_generation_jobs (tenant_id, brand_id, created_at, id);
      create index idx_content_generation_jobs_user
        on content_generation_jobs (tenant_id, user_id, created_at, id);
      create index idx_content_generation_jobs_status
        on content_generation_jobs (status, created_at);
      create index idx_content_generation_jobs_open on content_generation_jobs (tenant_id)
        where status in ('pending', 'running', 'cancelling');
      create index idx_content_generation_jobs_sequence
        on content_generation_jobs (tenant_id, sequence);

      create table generation_items (
        tenant_id uuid not null,
        job_id uuid not null,
        seq integer not null check (seq >= 0),
        state text not null default 'pending'
          check (state in ('pending', 'running', 'stored', 'failed', 'skipped')),
        topic text not null,
        content_id uuid not null,
        attempt integer not null default 0,
        failures integer not null default 0,
        lease_expires_at timestamptz(3) not null default '-infinity',
        error_code text,
        error_message text,
        flags text[] not null default '{}',
        size_bytes bigint not null default 0,
        cost_usd numeric(14, 6) not null default 0,
        tokens_in bigint not null default 0,
        tokens_out bigint not null default 0,
        drafted boolean not null default false,
        partial_text text,
        sequence bigint not null default 0,
        primary key (tenant_id, job_id, seq),
        foreign key (tenant_id, job_id) references content_generation_jobs (tenant_id, id)
          on delete cascade
      );
      comment on column generation_items.content_id is
        'Chosen beforehand: a repeated item makes the same content';
      comment on column generation_items.attempt is
        'How often a worker has taken it up; the fence of whoever holds the lease';
      comment on column generation_items.failures is 'Answers that were no use, after which it fails';
      comment on column generation_items.sequence is 'That of its job when it last changed state';
      comment on column generation_items.drafted is 'Its model has answered; now it is being stored';
      create index idx_generation_items_running on generation_items (tenant_id)
        where state = 'running';
      create index idx_generation_items_open on generation_items (tenant_id, job_id, seq)
        where state in ('pending', 'running');
      create unique index uq_generation_items_content on generation_items (tenant_id, content_id);

      create table content_generations (
        tenant_id uuid not null,
        content_id uuid not null,
        job_id uuid,
        provider text not null,
        model text not null,
        generation_id text,
        prompt text not null,
        temperature double precision,
        max_tokens integer,
        cost_usd numeric(14, 6),
        own_key boolean not null,
        flags text[] not null default '{}',
        created_at timestamptz(3) not null default now(),
        primary key (tenant_id, content_id),
        foreign key (tenant_id, content_id) references content_items (tenant_id, id)
          on delete cascade,
        foreign key (tenant_id, job_id) references content_generation_jobs (tenant_id, id)
          on delete set null (job_id)
      );
      comment on table content_generations is 'How a content was generated; outlives the job';
      create index idx_content_generations_job
        on content_generations (tenant_id, job_id, content_id);

      alter table idempotency_keys alter column content_id drop not null;
      alter table idempotency_keys add column job_id uuid;
      comment on column idempotency_keys.job_id is 'What the call made, when it made a job';
    `)
    for (const [table, grants] of Object.entries(tenantTables)) {
      this.addSql(isolate(table, 'tenant_id', grants))
    }
    this.addSql(`
      create policy find_work on content_generation_jobs for select to app_system using (true);
      grant select (tenant_id, id, status, lease_expires_at, completed_at)
        on content_generation_jobs to app_system;
    `)
  }

  override down(): void {
    for (const table of Object.keys(tenantTables).toReversed()) {
      this.addSql(`drop table ${table}`)
    }
    this.addSql(`
      delete from idempotency_keys where content_id is null;
      alter table idempotency_keys drop column job_id;
      alter table idempotency_keys alter column content_id set not null;
    `)
  }
}
