import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

export const keyMark = 'cg_live_'

/** `cg_live_<id>_<secret>_<check>`, all in hex; the check is the CRC-32 of what stands before it. */
const shape = /^(cg_live_([0-9a-f]{32})_([0-9a-f]{64}))_([0-9a-f]{8})$/

export function newSecret(): string {
  return randomBytes(32).toString('hex')
}

/** What a key begins with, and all of it that may be shown. */
export function prefixOf(id: string): string {
  return keyMark + id.replaceAll('-', '')
}

/** The key as its holder sends it. */
export function writeKey(id: string, secret: string): string {
  const text = `${prefixOf(id)}_${secret}`
  return `${text}_${checkOf(text)}`
}

/** Null for what cannot be a key, so that typing errors and most guesses cost no look-up. */
export function readKey(text: string): { id: string; secret: string } | null {
  const [, signed = '', id = '', secret = '', check] = shape.exec(text) ?? []
  if (checkOf(signed) !== check) return null
  return { id: id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'), secret }
}

function checkOf(text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}

/** Whether a key, or a good part of one, stands in this address: there it would get into every log. */
export function hasKey(address: string): boolean {
  return /cg_live_[0-9a-f]{8}/i.test(address.replace(/%([0-9a-f]{2})/gi, decodeByte))
}

function decodeByte(_escape: string, hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16))
}
