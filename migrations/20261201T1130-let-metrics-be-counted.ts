import { Migration } from '@mikro-orm/migrations'

export class LetMetricsBeCounted extends Migration {
  override up(): void {
    this.addSql(`
      create policy find_work on content_storage_usage for select to app_system using (true);
      create policy find_work on backup_outbox for select to app_system using (true);
      grant select (total_storage_bytes, total_media_storage_bytes)
        on content_storage_usage to app_system;
      grant select (created_at, backed_up_at) on backup_outbox to app_system;
    `)
  }

  override down(): void {
    this.addSql(`
      revoke select (created_at, backed_up_at) on backup_outbox from app_system;
      revoke select (total_storage_bytes, total_media_storage_bytes)
        on content_storage_usage from app_system;
      drop policy find_work on backup_outbox;
      drop policy find_work on content_storage_usage;
    `)
  }
}
