/** Each route with the pattern of its path; segments that start with a colon stand for any text. */
export function toPatterns<Route extends { path: string }>(routes: readonly Route[]) {
  return routes.map((route) => {
    const source = route.path.replace(/:(\w+)/g, '(?<$1>[^/]+)')
    return { route, pattern: new RegExp(`^${source}$`) }
  })
}
