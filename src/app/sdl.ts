import { printSchemaWithDirectives } from '@graphql-tools/utils'
import { lexicographicSortSchema } from 'graphql'
import { type Audience, contractOf } from '../graphql/contract.ts'
import { toSchema } from './schema.ts'

/** Where each contract is printed, and compared with what was promised before. */
export const sdlFiles: Record<Audience, string> = {
  admin: 'schema.graphql',
  studio: 'contracts/studio.graphql',
  partner: 'contracts/partner.graphql',
}

/** A contract as text, sorted so that a change shows where it is and nowhere else. */
export function printSdl(audience: Audience): string {
  const schema = contractOf(toSchema(), audience)
  return `${printSchemaWithDirectives(lexicographicSortSchema(schema))}\n`
}
