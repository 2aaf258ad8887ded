import { Migration } from '@mikro-orm/migrations'
import { isolate } from './support/tenant-isolation.ts'

export class AddTrustedDocuments extends Migration {
  override up(): void {
    this.addSql(`
      create table trusted_documents (
        tenant_id uuid not null references tenants (id) on delete cascade,
        id uuid not null,
        document_id text not null check (document_id ~ '^[0-9a-f]{64}$'),
        operation_name text not null,
        body text not null,
        created_by_user_id uuid,
        created_at timestamptz(3) not null default now(),
        last_used_at timestamptz(3),
        primary key (tenant_id, id),
        unique (tenant_id, document_id),
        foreign key (tenant_id, created_by_user_id) references users (tenant_id, id)
          on delete set null (created_by_user_id)
      );
      comment on column trusted_documents.document_id is 'SHA-256 of the body, in lower-case hex';
    `)
    this.addSql(isolate('trusted_documents', 'tenant_id', 'select, insert, update (last_used_at)'))
  }

  override down(): void {
    this.addSql(`drop table trusted_documents;`)
  }
}
