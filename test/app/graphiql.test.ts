import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, test, vi } from 'vitest'
import { createHttpServer } from '../../src/app/http-server.ts'
import type { Services } from '../../src/platform/services.ts'
import { browserPath, launchBrowser } from '../support/browser.ts'
import { createTestContents } from '../support/contents.ts'
import { startGateway, type TestTenant } from '../support/gateway.ts'
import { completed, moveJob, plantJob } from '../support/jobs.ts'

const patience = { timeout: 40_000 }
const noBrowser = 'No Chromium or Chrome in /usr/bin: install the package chromium.'

/** GraphiQL as `npm start` serves it, in a browser. */
async function openGraphiql(services: Services, tenant: TestTenant, path: string) {
  await using opened = new AsyncDisposableStack()
  const stop = new AbortController()
  const options = { services, stop: stop.signal, endingMs: 0, explorerToken: tenant.tokens.owner }
  const server = createHttpServer(options).listen(0)
  await once(server, 'listening')
  opened.defer(() => {
    stop.abort()
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const browser = await launchBrowser(path)
  opened.defer(() => browser.close())
  const page = await browser.newPage()
  const foreign: string[] = []
  page.on('request', (request) => {
    if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(origin)) {
      foreign.push(request.url())
    }
  })
  await page.goto(origin)
  const owned = opened.move()
  return {
    page,
    /** Where else it asked for something. */
    foreign,
    /** Opens an example, which begins with `comment`, and presses play. */
    async play(tab: string, comment: string, answer: string) {
      // A tab is there before it hears a click, and the button before the editor has its text.
      const isThere = (text: string) =>
        page
          .getByText(text)
          .first()
          .waitFor({ timeout: 3_000 })
          .then(
            () => true,
            () => false,
          )
      await vi.waitUntil(async () => {
        await page.getByRole('tab', { name: tab }).first().click()
        return isThere(comment)
      }, patience)
      await vi.waitUntil(async () => {
        await page
          .getByRole('button', { name: /Execute query/ })
          .click({ timeout: 500 })
          .catch(() => {})
        return isThere(answer)
      }, patience)
    },
    shows: (text: string) => page.getByText(text).first().waitFor(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

test(
  'GraphiQL opens in a browser, needs no network, and runs its first example as it stands',
  {
    timeout: 120_000,
  },
  async ({ skip }) => {
    if (!browserPath) return skip(noBrowser)
    await using gateway = await startGateway()
    const tenant = await gateway.newTenant()
    await createTestContents(gateway, tenant, 3)
    await using graphiql = await openGraphiql(gateway.services, tenant, browserPath)
    for (const visit of ['first', 'after a reload']) {
      if (visit !== 'first') await graphiql.page.reload()
      // GraphiQL may come back with a new tab in front of the examples.
      await graphiql.play('Contents', '# A page of contents', '"displayName": "The owner"')
    }
    const response = await graphiql.page.locator('.graphiql-response').innerText()
    expect(response).toMatch(/"title":\s"Content\s2"/)

    const job = await plantJob(gateway, tenant)
    await graphiql.play('Watch', '# Watches the generation jobs', '"status": "PENDING"')
    await moveJob(gateway, job, completed)
    await graphiql.shows('"kind": "COMPLETED"')
    expect(graphiql.foreign).toEqual([])
    return undefined
  },
)

test('the page is not served where no token for it is given', async () => {
  await using gateway = await startGateway()
  const response = await fetch(gateway.url, { headers: { accept: 'text/html' } })
  expect(response.status).not.toBe(200)
  expect(await response.text()).not.toContain('graphiql')
})
