import { Migration } from '@mikro-orm/migrations'
import { getConstructionPlans } from 'pg-boss'

/**
 * Schema version 43 of pg-boss. A later one comes with a migration of its own, from `getMigrationPlans`,
 * which has to pass over a database where this one already made it.
 */
export class AddTaskQueue extends Migration {
  override up(): void {
    // The plans bring a transaction of their own; this one already runs in one.
    const plans = getConstructionPlans('pgboss').trim()
    const statements = /^BEGIN;(.*)COMMIT;$/s.exec(plans)?.[1]
    if (statements === undefined) throw new Error('pg-boss plans its schema in another form.')
    this.addSql(statements)
    this.addSql(`
      comment on schema pgboss is
        'Messages that ring for work; what there is to do is in other tables, so all may be lost';
      revoke all on all functions in schema pgboss from public;
      grant usage on schema pgboss to app_queue;
      grant select, insert, update, delete on all tables in schema pgboss to app_queue;
      grant execute on all functions in schema pgboss to app_queue;
    `)
  }

  override down(): void {
    this.addSql('drop schema pgboss cascade')
  }
}
