import type { CodegenConfig } from '@graphql-codegen/cli'

/** Typed documents for the tests and programs. Run after formatting: a document's key is its text. */
const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: ['{test,src/bin}/**/*.ts', '!test/support/gql/**'],
  ignoreNoDocuments: true,
  importExtension: '.ts',
  generates: {
    'test/support/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        enumType: 'string-literal',
        useTypeImports: true,
        strictScalars: true,
        scalars: {
          BigInt: 'string',
          Date: 'string',
          DateTime: 'string',
          Decimal: 'string',
          JSON: 'unknown',
          JSONPatch: 'unknown',
          UUID: 'string',
          URL: 'string',
          Upload: 'File',
        },
      },
    },
  },
}

export default config
