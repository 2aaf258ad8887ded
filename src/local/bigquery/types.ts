import { type DuckDBType, BIGINT, BOOLEAN, DATE, DECIMAL, DOUBLE } from '@duckdb/node-api'
import { LIST, TIMESTAMP, VARCHAR } from '@duckdb/node-api'

export type TypeName = (typeof typeNames)[number]

const typeNames = [
  'STRING',
  'INT64',
  'FLOAT64',
  'NUMERIC',
  'BOOL',
  'TIMESTAMP',
  'DATE',
  'JSON',
] as const

/** GoogleSQL's type of a value; arrays have no arrays in them. */
export interface ValueType {
  name: TypeName
  array: boolean
}

/** As the REST API writes them; it takes GoogleSQL's names too. */
const restNames: Partial<Record<TypeName, string>> = {
  INT64: 'INTEGER',
  FLOAT64: 'FLOAT',
  BOOL: 'BOOLEAN',
}

const aliases: Readonly<Record<string, TypeName>> = {
  ...Object.fromEntries(typeNames.map((name) => [name, name])),
  INTEGER: 'INT64',
  INT: 'INT64',
  BIGINT: 'INT64',
  FLOAT: 'FLOAT64',
  BOOLEAN: 'BOOL',
  DECIMAL: 'NUMERIC',
}

export function findTypeName(word: string): TypeName | undefined {
  return aliases[word.toUpperCase()]
}

export function restName(name: TypeName): string {
  return restNames[name] ?? name
}

export function describeType({ name, array }: ValueType): string {
  return array ? `ARRAY<${name}>` : name
}

/** Timestamps are kept in UTC without a zone, JSON as its normalized text. */
const storedTypes: Readonly<Record<TypeName, DuckDBType>> = {
  STRING: VARCHAR,
  INT64: BIGINT,
  FLOAT64: DOUBLE,
  NUMERIC: DECIMAL(38, 9),
  BOOL: BOOLEAN,
  TIMESTAMP,
  DATE,
  JSON: VARCHAR,
}

export function storedType({ name, array }: ValueType): DuckDBType {
  return array ? LIST(storedTypes[name]) : storedTypes[name]
}

/** DuckDB's name of the type, as SQL writes it. */
export function storedTypeSql(type: ValueType): string {
  return storedType(type).toString()
}

/** https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#data_type_sizes */
const sizes: Partial<Record<TypeName, number>> = {
  INT64: 8,
  FLOAT64: 8,
  NUMERIC: 16,
  BOOL: 1,
  TIMESTAMP: 8,
  DATE: 8,
}

/** Bytes that do not depend on the value; undefined for texts, which are 2 bytes and their UTF-8. */
export function fixedSize(name: TypeName): number | undefined {
  return sizes[name]
}

export const textOverheadBytes = 2
