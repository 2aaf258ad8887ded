import {
  DirectiveLocation,
  GraphQLBoolean,
  GraphQLDirective,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLString,
} from 'graphql'

/** What the schema says about itself beside its types; defined in it, so that tools can read it alone. */
export const schemaDirectives: readonly GraphQLDirective[] = [
  new GraphQLDirective({
    name: 'semanticNonNull',
    description:
      'Null only when an entry in `errors` explains it; the levels are those of nested lists.',
    locations: [DirectiveLocation.FIELD_DEFINITION],
    args: {
      levels: {
        type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(GraphQLInt))),
        defaultValue: [0],
      },
    },
  }),
  new GraphQLDirective({
    name: 'tag',
    description:
      'Whom a field is for: `partner` is in all three contracts, `studio` in two, `admin` in one.',
    isRepeatable: true,
    locations: [DirectiveLocation.FIELD_DEFINITION],
    args: { name: { type: new GraphQLNonNull(GraphQLString) } },
  }),
  new GraphQLDirective({
    name: 'cost',
    description:
      'Points for a field, in place of 1 for an object and 10 for a mutation; or for each item of an argument. IBM cost specification.',
    locations: [DirectiveLocation.FIELD_DEFINITION, DirectiveLocation.ARGUMENT_DEFINITION],
    args: { weight: { type: new GraphQLNonNull(GraphQLString) } },
  }),
  new GraphQLDirective({
    name: 'listSize',
    description:
      'How long a list is, or the lists named below it: as the arguments say, else as assumed. IBM cost specification.',
    locations: [DirectiveLocation.FIELD_DEFINITION],
    args: {
      assumedSize: { type: GraphQLInt },
      slicingArguments: { type: new GraphQLList(new GraphQLNonNull(GraphQLString)) },
      sizedFields: { type: new GraphQLList(new GraphQLNonNull(GraphQLString)) },
      requireOneSlicingArgument: { type: GraphQLBoolean, defaultValue: true },
    },
  }),
]
