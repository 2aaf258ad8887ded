import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { z } from 'zod'

/** The superuser's, and those of the two login roles the gateway connects as. */
const Passwords = z.object({
  postgres: z.string(),
  gateway_owner: z.string(),
  gateway_login: z.string(),
})

export type Passwords = z.infer<typeof Passwords>

/** Reads the passwords, or makes and keeps them before any server knows them. */
export async function readPasswords(file: string): Promise<Passwords> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text !== undefined) return Passwords.parse(JSON.parse(text))
  const passwords = { postgres: random(), gateway_owner: random(), gateway_login: random() }
  await writeFile(`${file}.new`, JSON.stringify(passwords), { mode: 0o600 })
  await rename(`${file}.new`, file)
  return passwords
}

function random(): string {
  return randomBytes(24).toString('base64url')
}
