import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { Tally } from './support/tally.ts'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

export default defineConfig({
  resolve: {
    // Vite would take graphql's ES modules while Node gives Pothos the CommonJS ones: two
    // copies, and graphql refuses types made by the other.
    alias: [{ find: /^graphql$/, replacement: path('../node_modules/graphql/index.js') }],
  },
  test: {
    include: ['test/**/*.test.ts', ...(process.env['LONG'] ? ['test/**/*.long.ts'] : [])],
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', new Tally()],
    maxWorkers: 2,
    // A machine may be slow: how long things take is for the benchmark to tell.
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
})
