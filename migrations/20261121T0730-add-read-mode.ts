import { Migration } from '@mikro-orm/migrations'

export class AddReadMode extends Migration {
  override up(): void {
    this.addSql(`
      alter table tenants add column read_mode text not null default 'auto'
        check (read_mode in ('auto', 'primary', 'fallback', 'metadata_only'));
      alter table tenants add column read_mode_since timestamptz(3) not null default now();
      comment on column tenants.read_mode is 'Where bodies are read from';
      grant update (read_mode, read_mode_since) on tenants to app_tenant;
    `)
  }

  override down(): void {
    this.addSql(`
      revoke update (read_mode, read_mode_since) on tenants from app_tenant;
      alter table tenants drop column read_mode_since, drop column read_mode;
    `)
  }
}
