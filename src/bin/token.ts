import type { Command } from 'commander'
import { Option } from 'commander'
import { StartupError } from '../lib/errors.ts'
import { type Role, roles } from '../lib/viewer.ts'
import { openIssuer } from '../local/issuer.ts'
import { loadConfig } from '../platform/config.ts'
import { demoTenant } from './demo-tenant.ts'

export function addToken(program: Command): void {
  program
    .command('token')
    .description('print a token for a person of the demo tenant')
    .addOption(new Option('--user <role>', 'who').choices(roles).default('owner'))
    .action(({ user }: { user: Role }) => printToken(user))
}

async function printToken(role: Role): Promise<void> {
  const config = loadConfig(process.env)
  if (config.AUTH_JWKS_URL) {
    throw new StartupError([`Tokens come from ${config.AUTH_JWKS_URL}: the local issuer is off.`])
  }
  const issuer = await openIssuer(config.DATA_DIR)
  process.stdout.write(`${await issuer.sign(demoTenant.claims(role, config.AUTH_AUDIENCE))}\n`)
}
