import { Migration } from '@mikro-orm/migrations'
import { isolate } from './support/tenant-isolation.ts'

/** Tables with a `tenant_id`, parents first, and what the tenant's role may do with their rows. */
const tenantTables = {
  users: 'select, insert',
  brands: 'select, insert',
  brand_members: 'select, insert, delete',
  campaign_spaces: 'select, insert',
  content_items: 'select, insert, update',
  content_versions: 'select, insert',
  content_write_intents: 'select, insert, update, delete',
  idempotency_keys: 'select, insert, update, delete',
  content_storage_usage: 'select, insert, update',
  usage_ledger: 'select, insert',
  backup_outbox: 'select, insert',
} as const

export class CreateContentTables extends Migration {
  override up(): void {
    this.addSql(`
      create table tenants (
        id uuid primary key,
        name text not null,
        plan_tier text not null default 'free'
          check (plan_tier in ('free', 'starter', 'professional', 'business', 'enterprise')),
        created_at timestamptz(3) not null default now()
      );

      create table users (
        tenant_id uuid not null references tenants (id) on delete cascade,
        id uuid not null,
        subject text not null,
        display_name text not null,
        role text not null check (role in ('owner', 'editor', 'viewer')),
        created_at timestamptz(3) not null default now(),
        disabled_at timestamptz(3),
        primary key (tenant_id, id),
        unique (tenant_id, subject)
      );
      comment on column users.subject is 'The sub claim of the tokens this person brings';

      create table brands (
        tenant_id uuid not null references tenants (id) on delete cascade,
        id uuid not null,
        name text not null,
        created_at timestamptz(3) not null default now(),
        primary key (tenant_id, id),
        unique (tenant_id, name)
      );

      create table brand_members (
        tenant_id uuid not null,
        brand_id uuid not null,
        user_id uuid not null,
        created_at timestamptz(3) not null default now(),
        primary key (tenant_id, brand_id, user_id),
        foreign key (tenant_id, brand_id) references brands (tenant_id, id) on delete cascade,
        foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
      );
      create index idx_brand_members_user on brand_members (tenant_id, user_id);

      create table campaign_spaces (
        tenant_id uuid not null,
        id uuid not null,
        brand_id uuid not null,
        name text not null,
        created_at timestamptz(3) not null default now(),
        primary key (tenant_id, id),
        foreign key (tenant_id, brand_id) references brands (tenant_id, id) on delete cascade
      );
      create index idx_campaign_spaces_brand on campaign_spaces (tenant_id, brand_id);
    `)

    this.addSql(`
      create table content_items (
        tenant_id uuid not null references tenants (id) on delete cascade,
        id uuid not null,
        brand_id uuid,
        campaign_space_id uuid,
        user_id uuid,
        title text not null,
        content_type text not null check (content_type in ('post', 'story', 'ad', 'article', 'tweet',
          'image', 'video', 'carousel', 'reel', 'document')),
        status text not null check (status in ('draft', 'published', 'archived', 'scheduled')),
        platforms text[] not null default '{}',
        tags text[] not null default '{}',
        hashtags text[] not null default '{}',
        mentions text[] not null default '{}',
        media_urls text[] not null default '{}',
        metadata jsonb not null default '{}',
        preview text not null,
        body_format text not null check (body_format in ('html', 'text', 'markdown', 'json')),
        scheduled_at timestamptz(3),
        published_at timestamptz(3),
        external_system text,
        external_id text,
        zerodb_id uuid not null,
        version integer not null check (version > 0),
        version_of uuid,
        storage_size_bytes bigint not null check (storage_size_bytes >= 0),
        compressed_size_bytes bigint,
        body_encoding text not null,
        sha256 text not null,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        deleted_at timestamptz(3),
        primary key (tenant_id, id),
        check ((external_system is null) = (external_id is null)),
        foreign key (tenant_id, brand_id) references brands (tenant_id, id)
          on delete set null (brand_id),
        foreign key (tenant_id, campaign_space_id) references campaign_spaces (tenant_id, id)
          on delete set null (campaign_space_id),
        foreign key (tenant_id, user_id) references users (tenant_id, id)
          on delete set null (user_id),
        constraint fk_content_items_version_of foreign key (tenant_id, version_of)
          references content_items (tenant_id, id) on delete set null (version_of)
      );
      comment on column content_items.zerodb_id is 'The current body document; immutable in ZeroDB';
      comment on column content_items.sha256 is 'Of the current body, hex';
      comment on column content_items.storage_size_bytes is 'Of the current body, UTF-8, uncompressed';

      create unique index uq_content_items_external_ref
        on content_items (tenant_id, external_system, external_id) where deleted_at is null;
      create index idx_content_items_created
        on content_items (tenant_id, created_at, id) where deleted_at is null;
      create index idx_content_items_updated
        on content_items (tenant_id, updated_at, id) where deleted_at is null;
      create index idx_content_items_published
        on content_items (tenant_id, coalesce(published_at, '-infinity'), id) where deleted_at is null;
      create index idx_content_items_brand
        on content_items (tenant_id, brand_id, created_at, id) where deleted_at is null;
      create index idx_content_items_campaign
        on content_items (tenant_id, campaign_space_id, created_at, id) where deleted_at is null;
      create index idx_content_items_status
        on content_items (tenant_id, status, created_at, id) where deleted_at is null;

      create table content_versions (
        tenant_id uuid not null,
        id uuid not null,
        content_id uuid not null,
        version_number integer not null check (version_number > 0),
        change_type text not null
          check (change_type in ('create', 'update', 'publish', 'archive', 'restore', 'delete')),
        changed_by_user_id uuid,
        document_id uuid not null,
        size_bytes bigint not null,
        sha256 text not null,
        bigquery_backed_up_at timestamptz(3),
        created_at timestamptz(3) not null default now(),
        primary key (tenant_id, id),
        unique (tenant_id, content_id, version_number),
        foreign key (tenant_id, content_id) references content_items (tenant_id, id)
          on delete cascade,
        foreign key (tenant_id, changed_by_user_id) references users (tenant_id, id)
          on delete set null (changed_by_user_id)
      );
      create index idx_content_versions_document on content_versions (tenant_id, document_id);
    `)

    this.addSql(`
      create table content_write_intents (
        tenant_id uuid not null references tenants (id) on delete cascade,
        id uuid not null,
        content_id uuid not null,
        version_number integer not null,
        document_id uuid,
        history_id uuid not null,
        reserved_bytes bigint not null check (reserved_bytes >= 0),
        state text not null default 'pending'
          check (state in ('pending', 'committed', 'aborted', 'swept', 'collected')),
        lease_expires_at timestamptz(3) not null,
        created_at timestamptz(3) not null default now(),
        primary key (tenant_id, id)
      );
      comment on column content_write_intents.document_id is 'The new body, if there is one';
      comment on column content_write_intents.history_id is 'The history entry: also the version row';
      create index idx_content_write_intents_lease on content_write_intents (lease_expires_at);

      create table idempotency_keys (
        tenant_id uuid not null references tenants (id) on delete cascade,
        operation text not null,
        key text not null,
        input_hash text not null,
        content_id uuid not null,
        intent_id uuid not null,
        completed_at timestamptz(3),
        created_at timestamptz(3) not null default now(),
        primary key (tenant_id, operation, key)
      );
      create index idx_idempotency_keys_intent on idempotency_keys (tenant_id, intent_id);

      create table content_storage_usage (
        tenant_id uuid primary key references tenants (id) on delete cascade,
        total_content_items bigint not null default 0 check (total_content_items >= 0),
        total_storage_bytes bigint not null default 0 check (total_storage_bytes >= 0),
        reserved_bytes bigint not null default 0 check (reserved_bytes >= 0),
        total_media_files bigint not null default 0,
        total_media_storage_bytes bigint not null default 0,
        last_calculated_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now()
      );

      create table usage_ledger (
        tenant_id uuid not null references tenants (id) on delete cascade,
        operation_id uuid not null,
        content_id uuid not null,
        bytes bigint not null,
        items integer not null,
        created_at timestamptz(3) not null default now(),
        primary key (tenant_id, operation_id)
      );
      comment on column usage_ledger.operation_id is 'The write intent that was committed';

      create table backup_outbox (
        tenant_id uuid not null references tenants (id) on delete cascade,
        id uuid not null,
        content_id uuid not null,
        version_number integer not null,
        operation text not null check (operation in ('upsert', 'delete')),
        created_at timestamptz(3) not null default now(),
        primary key (tenant_id, id),
        unique (tenant_id, content_id, version_number, operation)
      );
    `)

    this.addSql(isolate('tenants', 'id', 'select, insert'))
    for (const [table, grants] of Object.entries(tenantTables)) {
      this.addSql(isolate(table, 'tenant_id', grants))
    }
    this.addSql(`
      create policy find_work on tenants for select to app_system using (true);
      create policy find_work on content_write_intents for select to app_system using (true);
      grant select (id) on tenants to app_system;
      grant select (tenant_id, state, lease_expires_at) on content_write_intents to app_system;
    `)
  }

  override down(): void {
    for (const table of ['tenants', ...Object.keys(tenantTables)].toReversed()) {
      this.addSql(`drop table ${table}`)
    }
  }
}
