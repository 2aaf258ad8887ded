/** Longer than most names, and made of what keys are made of. */
const longWord = /[\w-]{16,}/g
const fewestDigits = 3

/**
 * `text` with an ellipsis in the place of whatever looks like a key: clients send them in the wrong
 * place. Names of a schema have few digits; keys and tokens are made of them.
 */
export function withoutSecrets(text: string): string {
  return text.replace(longWord, (word) =>
    (word.match(/\d/g)?.length ?? 0) < fewestDigits ? word : '…',
  )
}
