import { accessSync, constants } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Where a browser is installed, if one is. */
export const browserPath = places.find((place) => {
  try {
    accessSync(place, constants.X_OK)
    return true
  } catch {
    return false
  }
})

/** Headless, and quiet: without these flags it talks to its maker's servers at every start. */
export function launchBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  })
}
