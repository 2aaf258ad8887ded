import { writeFile } from 'node:fs/promises'
import { printSdl } from '../app/sdl.ts'

await writeFile('schema.graphql', printSdl())
