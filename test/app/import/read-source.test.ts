import { expect, test } from 'vitest'
import { readSource } from '../../../src/app/import/read-source.ts'

function read(text: string | Uint8Array, relativePath = 'notes/hello.md') {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  const id = `blog/${relativePath.replace(/\.\w+$/, '')}`
  return readSource({ path: `/${relativePath}`, relativePath, id }, bytes)
}

test('front matter becomes title, tags, draft and metadata', () => {
  const text = `---
title: ' On water '
category: craft
tags: [water, craft, 7]
author: Vera
date: '2026-11-20'
draft: true
---

Text
`
  expect(read(text)).toEqual({
    id: 'blog/notes/hello',
    title: 'On water',
    tags: ['craft', 'water', '7'],
    metadata: { author: 'Vera', date: '2026-11-20' },
    draft: true,
    body: '\nText\n',
  })
})

test('without a title the first heading is taken, outside of code, then the name of the file', () => {
  expect(read('Intro\n\n## The *second* level ##\n# First').title).toBe('The *second* level')
  expect(read('```sh\n# a comment\n```\n# A heading').title).toBe('A heading')
  expect(read('---\ntitle: 2026\n---\n# A heading').title).toBe('2026')
  expect(read('---\ntitle:\n---\nText').title).toBe('hello')
})

test('a slug takes the place of the file name, within its folder', () => {
  const slug = (value: string) => read(`---\nslug: ${value}\n---\nText`).id
  expect(slug('good-morning')).toBe('blog/notes/good-morning')
  expect(slug('/a/b/')).toBe('blog/notes/a/b')
  expect(slug("''")).toBe('blog/notes/hello')
  expect(slug('"$&"')).toBe('blog/notes/$&')
})

test('a BOM and every line end stay in the body', () => {
  expect(read('\uFEFFOne\r\nTwo').body).toBe('\uFEFFOne\r\nTwo')
})

test('what cannot become a content is refused with its reason', () => {
  expect(() => read('')).toThrow('the file is empty')
  expect(() => read('---\ntitle: A\n---\n \n')).toThrow('no text after the front matter')
  expect(() => read(new Uint8Array([65, 0xc3, 0x28]))).toThrow('not valid UTF-8')
  expect(() => read('a\0b')).toThrow('body holds a NUL')
  expect(() => read('---\ntitle: "\\ud800"\n---\nText')).toThrow('title holds a NUL or half')
  expect(() => read('---\nx: {y: ["\\0"]}\n---\nText')).toThrow('metadata holds a NUL')
})
