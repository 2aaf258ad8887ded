import { builder } from '../../graphql/builder.ts'
import { idOf } from '../../graphql/global-id.ts'
import {
  ForbiddenError,
  NotFoundError,
  StorageUnavailableError,
  ValidationError,
} from '../../lib/errors.ts'
import type { Brand } from './brand.entity.ts'
import { BrandNode } from './tenancy.graphql.ts'
import { loadBrands } from './tenancy.loaders.ts'
import { updateBrand } from './update-brand.ts'

const UpdateBrandInput = builder.inputType('UpdateBrandInput', {
  description: 'What is left out stays as it is.',
  fields: (t) => ({
    voice: t.string({ description: 'At most 2,000 characters; null for none.' }),
    forbiddenWords: t.stringList({ description: 'All of them, at most 100.' }),
  }),
})

const BrandSuccessObject = builder.objectRef<{ brand: Brand }>('BrandSuccess').implement({
  fields: (t) => ({ brand: t.expose('brand', { type: BrandNode }) }),
})

const UpdateBrandResult = builder.errorUnion('UpdateBrandResult', {
  types: [
    BrandSuccessObject,
    ValidationError,
    NotFoundError,
    ForbiddenError,
    StorageUnavailableError,
  ],
  resolveType: () => BrandSuccessObject,
})

builder.mutationField('updateBrand', (t) =>
  t.field({
    type: UpdateBrandResult,
    description: 'Sets what generated texts of a brand keep to.',
    authScopes: { scope: 'BRAND_MANAGE' },
    args: {
      id: t.arg.id({ required: true }),
      input: t.arg({ type: UpdateBrandInput, required: true }),
    },
    resolve: async (_root, { id: globalId, input }, context) => {
      const id = idOf('Brand', globalId)
      const { voice, forbiddenWords } = input
      await updateBrand(context, {
        id,
        globalId,
        set: {
          ...(voice !== undefined && { voice }),
          ...(forbiddenWords && { forbiddenWords: [...forbiddenWords] }),
        },
      })
      const [brand] = await loadBrands(context, [id])
      if (!brand) throw new NotFoundError('Brand')
      BrandNode.getDataloader(context).clear(id).prime(id, brand)
      return { brand }
    },
  }),
)
