import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  NoFragmentCyclesRule,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  validate,
} from 'graphql'
import { badUserInput } from './bad-user-input.ts'
import { findExcess, maxTokens } from './document-limits.ts'
import { isNestedTooDeep } from './document-nesting.ts'
import { limitExceeded, shown } from './limit-exceeded.ts'
import { maxErrors } from './present-error.ts'

export type ReadDocument = { document: DocumentNode } | { errors: readonly GraphQLError[] }

const secretiveRules = [...specifiedRules, NoSchemaIntrospectionCustomRule]

/**
 * Parses and validates a document. The limits come first: within them validation takes milliseconds,
 * and without cycles it ends. Unless it `showsSchema`, introspection is refused and nothing is suggested.
 */
export function readDocument(
  schema: GraphQLSchema,
  text: string,
  { showsSchema }: { showsSchema: boolean },
): ReadDocument {
  if (isNestedTooDeep(text)) return { errors: [badUserInput('The document nests too deep.')] }
  try {
    const document = parse(text, { maxTokens })
    const cycles = validate(schema, document, [NoFragmentCyclesRule], { maxErrors })
    if (cycles.length > 0) return { errors: cycles }
    const excess = findExcess(document)
    if (excess) return { errors: [excess] }
    const rules = showsSchema ? specifiedRules : secretiveRules
    const options = { maxErrors, hideSuggestions: !showsSchema }
    const errors = withoutRepeats(validate(schema, document, rules, options))
    return errors.length > 0 ? { errors } : { document }
  } catch (error) {
    if (error instanceof GraphQLError) return { errors: [tooManyTokens(error) ?? error] }
    throw error
  }
}

/** The same said of another place tells nobody more, and lets an answer outgrow its question. */
function withoutRepeats(errors: readonly GraphQLError[]): GraphQLError[] {
  const seen = new Set<string>()
  return errors.filter(({ message }) => !seen.has(message) && seen.add(message))
}

/** The parser has no other way to say so. */
function tooManyTokens({ message }: GraphQLError): GraphQLError | undefined {
  if (!/contains more tha[nt] \d+ tokens/.test(message)) return undefined
  const advice = 'Send values as variables, and the rest in another operation.'
  return limitExceeded(`has more than ${shown(maxTokens)} tokens`, maxTokens, advice)
}
