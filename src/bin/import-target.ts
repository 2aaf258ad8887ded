import { findFiles, type SourceFile } from '../app/import/find-files.ts'
import { StartupError } from '../lib/errors.ts'
import { openIssuer } from '../local/issuer.ts'
import { type Config, loadConfig } from '../platform/config.ts'
import { demoTenant } from './demo-tenant.ts'

export interface ImportFlags {
  url?: string
  token?: string
  name?: string
  patience: number
  parallel: number
}

/** The files to import; an operator's mistake about the folder is told in plain words. */
export async function findSources(folder: string, name?: string): Promise<SourceFile[]> {
  if (name?.trim() === '') throw new StartupError(['--name must not be empty.'], 2)
  try {
    return await findFiles(folder, name)
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    throw new StartupError([`Cannot read this folder: ${error.message}`], 2)
  }
}

/**
 * Where to import, and as whom. A gateway elsewhere is told by both flags, and the configuration of
 * this machine is not even read then.
 */
export async function findTarget({ url, token }: ImportFlags) {
  if (url !== undefined && !URL.canParse(url)) {
    throw new StartupError([`--url="${url}" is not a URL.`], 2)
  }
  if (url !== undefined && token !== undefined) return { url, token }
  const config = loadConfig(process.env)
  return { url: url ?? urlOf(config), token: token ?? (await demoToken(config)) }
}

function urlOf({ HOST: host, PORT: port }: Config): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}/graphql`
}

async function demoToken(config: Config): Promise<string> {
  if (config.AUTH_JWKS_URL || config.production) {
    throw new StartupError(['A token is missing: set GATEWAY_TOKEN, or give --token.'], 2)
  }
  const issuer = await openIssuer(config.DATA_DIR)
  return issuer.sign(demoTenant.claims('editor', config.AUTH_AUDIENCE))
}
