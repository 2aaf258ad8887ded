import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { environment, loadConfig } from '../../src/platform/config.ts'

interface Service {
  environment: Record<string, string>
  healthcheck?: object
  command?: string[]
}

const text = await readFile(new URL('../../docker-compose.yml', import.meta.url), 'utf8')
const { services } = parse(text, { merge: true }) as { services: Record<string, Service> }
const { postgres: _postgres, ...gateways } = services

test('docker-compose.yml sets nothing that the gateway does not read', () => {
  expect(Object.keys(gateways)).toEqual(['migrate', 'api', 'worker'])
  for (const { environment: settings } of Object.values(gateways)) {
    expect(Object.keys(environment.shape)).toEqual(expect.arrayContaining(Object.keys(settings)))
  }
})

test('its settings are complete for production, and hold no secret', () => {
  const given: Record<string, string> = {
    ZERODB_API_URL: 'https://zerodb.example.com',
    ZERODB_PROJECT_ID: '0197c0de-0000-7000-8000-000000000001',
    AUTH_JWKS_URL: 'https://id.example.com/jwks.json',
  }
  const secret = randomBytes(24).toString('hex')
  const filled = (value: string) =>
    value.replace(/\$\{(\w+)(:-|:\?)\}/g, (_all, name: string, mark: string) =>
      mark === ':-' ? '' : (given[name] ?? secret),
    )
  for (const { environment: settings } of Object.values(gateways)) {
    const env = Object.entries(settings).map(([name, value]) => [name, filled(value)])
    expect(loadConfig(Object.fromEntries(env) as Record<string, string>).production).toBe(true)
    const secrets = Object.keys(settings).filter((name) => /PASSWORD|_KEY$|TOKEN|SECRET/.test(name))
    for (const name of secrets) expect(settings[name]).toMatch(/^\$\{\w+:[-?]\}$/)
  }
  expect(text.match(/postgres:\/\/\w+:(?!\$\{)/)).toBeNull()
})
