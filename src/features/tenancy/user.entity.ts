import { defineEntity, p } from '@mikro-orm/postgresql'
import type { Role } from '../../lib/viewer.ts'

export const UserSchema = defineEntity({
  name: 'User',
  tableName: 'users',
  properties: {
    tenantId: p.uuid().primary(),
    id: p.uuid().primary(),
    /** The `sub` claim of the tokens this person brings. */
    subject: p.text(),
    displayName: p.text(),
    role: p.text().$type<Role>(),
    createdAt: p.datetime(3),
    disabledAt: p.datetime(3).nullable(),
  },
})

/** A person of one tenant. */
export class User extends UserSchema.class {}
UserSchema.setClass(User)
