import { z } from 'zod'
import { invalid } from './replies.ts'
import type { Parameter } from './sql/analyzer.ts'
import { findTypeName, type TypeName } from './types.ts'
import { listOf, parseText } from './values.ts'

const Value = z.object({ value: z.union([z.string(), z.number(), z.boolean()]).nullish() })

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/QueryParameter */
export const QueryParameter = z.object({
  name: z.string(),
  parameterType: z.object({
    type: z.string(),
    arrayType: z.object({ type: z.string() }).optional(),
  }),
  parameterValue: Value.extend({ arrayValues: z.array(Value).optional() }),
})

export type QueryParameter = z.infer<typeof QueryParameter>

export function readParameters(given: readonly QueryParameter[]): Parameter[] {
  return given.map(({ name, parameterType, parameterValue }) => {
    const array = parameterType.type === 'ARRAY'
    const type = typeNamed(name, (array ? parameterType.arrayType?.type : parameterType.type) ?? '')
    const read = (value: z.infer<typeof Value>['value']) => readValue(name, type, value)
    const value = array
      ? listOf((parameterValue.arrayValues ?? []).map((item) => read(item.value)))
      : read(parameterValue.value)
    return { name, type: { name: type, array }, value }
  })
}

function typeNamed(parameter: string, word: string): TypeName {
  const type = findTypeName(word)
  if (type) return type
  throw invalid(`Parameter ${parameter} is of type ${word}, which the local stand-in does not know`)
}

function readValue(name: string, type: TypeName, value: z.infer<typeof Value>['value']) {
  if (value === undefined || value === null) return null
  const parsed = parseText(type, String(value))
  if (parsed !== undefined) return parsed
  throw invalid(`Invalid value for type: ${type}, parameter: ${name}`)
}

/** As the call log shows them. */
export function showParameters(given: readonly QueryParameter[]): Record<string, unknown> {
  return Object.fromEntries(
    given.map(({ name, parameterValue: { value, arrayValues } }) => [
      name,
      arrayValues ? arrayValues.map((item) => item.value) : value,
    ]),
  )
}
