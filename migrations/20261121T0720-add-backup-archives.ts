import { Migration } from '@mikro-orm/migrations'
import { isolate } from './support/tenant-isolation.ts'

export class AddBackupArchives extends Migration {
  override up(): void {
    this.addSql(`
      create table backup_archives (
        tenant_id uuid not null references tenants (id) on delete cascade,
        id uuid not null,
        user_id uuid,
        collection text not null,
        file_name text not null,
        file_ids text[] not null,
        document_count integer not null,
        size_bytes bigint not null,
        compressed boolean not null,
        sha256 text not null,
        created_at timestamptz(3) not null default now(),
        expires_at timestamptz(3),
        primary key (tenant_id, id),
        foreign key (tenant_id, user_id) references users (tenant_id, id)
          on delete set null (user_id)
      );
      comment on column backup_archives.file_ids is
        'Where ZeroDB keeps the file, in parts that follow one another; the ids are its own';
      comment on column backup_archives.sha256 is 'Of the file as it is stored, its parts together';
      create index idx_backup_archives_collection on backup_archives (tenant_id, collection, id);
      create index idx_backup_archives_expiry on backup_archives (expires_at);
    `)
    this.addSql(isolate('backup_archives', 'tenant_id', 'select, insert, delete'))

    this.addSql(`
      create table archive_runs (
        tenant_id uuid not null references tenants (id) on delete cascade,
        collection text not null,
        user_id uuid,
        request_id text not null,
        ip text,
        archive_id uuid,
        attempts integer not null default 0,
        lease_expires_at timestamptz(3) not null default '-infinity',
        created_at timestamptz(3) not null default now(),
        primary key (tenant_id, collection),
        foreign key (tenant_id, user_id) references users (tenant_id, id)
          on delete set null (user_id)
      );
      comment on table archive_runs is 'Backups of a collection that were asked for and are not over';
      comment on column archive_runs.archive_id is
        'Of the latest attempt: the fence of its statements, and a part of the names of its files';
    `)
    this.addSql(isolate('archive_runs', 'tenant_id', 'select, insert, update, delete'))
    this.addSql(`
      create policy find_work on backup_archives for select to app_system using (true);
      create policy find_work on archive_runs for select to app_system using (true);
      grant select (tenant_id, id, expires_at) on backup_archives to app_system;
      grant select (tenant_id, lease_expires_at) on archive_runs to app_system;
    `)
  }

  override down(): void {
    this.addSql('drop table archive_runs')
    this.addSql('drop table backup_archives')
  }
}
