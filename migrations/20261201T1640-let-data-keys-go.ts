import { Migration } from '@mikro-orm/migrations'

export class LetDataKeysGo extends Migration {
  override up(): void {
    this.addSql(`grant delete on data_keys to app_tenant;`)
  }

  override down(): void {
    this.addSql(`revoke delete on data_keys from app_tenant;`)
  }
}
