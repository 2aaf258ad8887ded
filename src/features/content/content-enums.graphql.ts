import { builder } from '../../graphql/builder.ts'
import { bodyFormats, contentStatuses, contentTypes, platforms } from './content.entity.ts'
import { changeTypes } from './content-version.entity.ts'

/** The API shouts what the tables whisper: `PUBLISHED` is `published` there. */
function lowerCased<T extends string>(values: readonly T[]) {
  const entries = values.map((value) => [value.toUpperCase(), { value }])
  return Object.fromEntries(entries) as Record<Uppercase<T>, { value: T }>
}

export const ContentTypeEnum = builder.enumType('ContentType', { values: lowerCased(contentTypes) })

export const ContentStatusEnum = builder.enumType('ContentStatus', {
  values: lowerCased(contentStatuses),
})

export const BodyFormatEnum = builder.enumType('BodyFormat', { values: lowerCased(bodyFormats) })

export const VersionChangeTypeEnum = builder.enumType('VersionChangeType', {
  values: lowerCased(changeTypes),
})

export const PlatformEnum = builder.enumType('Platform', { values: lowerCased(platforms) })
