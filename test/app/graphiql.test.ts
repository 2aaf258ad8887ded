import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { createHttpServer } from '../../src/app/http-server.ts'
import { browserPath, launchBrowser } from '../support/browser.ts'
import { createTestContents } from '../support/contents.ts'
import { startGateway } from '../support/gateway.ts'

test('GraphiQL opens in a browser, needs no network, and runs its first example as it stands', async ({
  skip,
}) => {
  if (!browserPath) return skip('No Chromium or Chrome in /usr/bin: install the package chromium.')
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 3)
  const { services } = gateway
  const server = createHttpServer({ services, explorerToken: tenant.tokens.owner }).listen(0)
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const browser = await launchBrowser(browserPath)
  try {
    const page = await browser.newPage()
    const foreign: string[] = []
    page.on('request', (request) => {
      if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(origin)) {
        foreign.push(request.url())
      }
    })
    await page.goto(origin)
    for (const visit of ['first', 'after a reload']) {
      if (visit !== 'first') await page.reload()
      // GraphiQL may come back with a new tab in front of the examples.
      await page.getByRole('tab', { name: 'Contents' }).click()
      // The button is there before the editor has its text; pressed then, it would send nothing.
      await page.getByText('# A page of contents').first().waitFor()
      await page.getByRole('button', { name: /Execute query/ }).click()
      await page.getByText('"displayName": "The owner"').first().waitFor()
    }
    expect(await page.locator('.graphiql-response').innerText()).toMatch(/"title":\s"Content\s2"/)
    expect(foreign).toEqual([])
  } finally {
    await browser.close()
    server.closeAllConnections()
    server.close()
  }
  return undefined
})

test('the page is not served where no token for it is given', async () => {
  await using gateway = await startGateway()
  const response = await fetch(gateway.url, { headers: { accept: 'text/html' } })
  expect(response.status).not.toBe(200)
  expect(await response.text()).not.toContain('graphiql')
})
