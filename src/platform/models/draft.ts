import { type JSONSchema7, parsePartialJson } from 'ai'
import { z } from 'zod'
import type { Draft } from './model-call.ts'

/** What a model is told to answer; limits are not in it, for not every provider takes them. */
const Asked = z.object({
  title: z.string().meta({ description: 'One line without markup, at most 500 characters' }),
  body: z.string().meta({ description: 'The whole text, without the title' }),
  hashtags: z.array(z.string()).meta({ description: 'Without the #; empty when none are wanted' }),
  mentions: z.array(z.string()).meta({ description: 'Accounts named in the text, without the @' }),
  followsBrandVoice: z.boolean().nullable().meta({
    description: 'Whether the text keeps to the brand voice; null when no voice was given',
  }),
})

export const draftSchema = z.toJSONSchema(Asked, { target: 'draft-7' }) as JSONSchema7

const maxLabels = 30
const maxLabelLength = 100

/** NUL and lone surrogates, which PostgreSQL cannot store. */
const unstorable = /[\0\p{Surrogate}]/gu

const storable = (text: string) => text.replace(unstorable, '').trim()

/** Too many labels, or one too long, are no reason to throw a text away that was paid for. */
const labels = (mark: string) =>
  z
    .array(z.string())
    .nullish()
    .transform((list) => {
      const names = (list ?? []).map((label) => storable(storable(label).replace(mark, '')))
      const fitting = names.filter((name) => name !== '' && name.length <= maxLabelLength)
      return [...new Set(fitting)].slice(0, maxLabels)
    })

const Answered = z.object({
  title: z
    .string()
    .transform((title) => storable(title.replace(/\s+/g, ' ')))
    .pipe(z.string().min(1).max(500)),
  body: z.string().transform(storable).pipe(z.string().min(1).max(200_000)),
  hashtags: labels('#'),
  mentions: labels('@'),
  followsBrandVoice: z.boolean().nullable().default(null),
})

/** The draft in a model's answer, null when there is none. Talk around the JSON is overlooked. */
export function readDraft(text: string): Draft | null {
  const json = text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)
  try {
    return Answered.safeParse(JSON.parse(json)).data ?? null
  } catch {
    return null
  }
}

/** As much of the body as an unfinished answer has, `''` before it begins. */
export async function readBodySoFar(text: string): Promise<string> {
  const { value } = await parsePartialJson(text.slice(text.indexOf('{')))
  const body = Asked.pick({ body: true }).partial().safeParse(value).data?.body
  return (body ?? '').replace(unstorable, '')
}
