export interface Address {
  /** Scheme, host and port. */
  origin: string
  loginPath: string
  /** Where the tables of the project live. */
  databasePath: string
  /** Where its files are. */
  filesPath: string
}

/**
 * Base URLs are written with and without a version at the end; `pathPrefix` alone says which one is
 * meant. `{projectId}` in it stands for the project.
 */
export function readAddress(baseUrl: string, pathPrefix: string, projectId: string): Address {
  const { origin, pathname } = new URL(baseUrl)
  const root = pathname.replace(/\/+$/, '').replace(/(?:\/api)?\/v1$|\/api$/, '')
  const prefix = pathPrefix.replaceAll('{projectId}', encodeURIComponent(projectId))
  const project = `${root}/${prefix.replace(/^\/+|\/+$/g, '')}`
  return {
    origin,
    loginPath: `${root}/v1/auth/login`,
    databasePath: `${project}/database`,
    filesPath: `${project}/files`,
  }
}
