import { writeFile } from 'node:fs/promises'
import { printSdl, sdlFiles } from '../app/sdl.ts'
import { audiences } from '../graphql/contract.ts'

for (const audience of audiences) await writeFile(sdlFiles[audience], printSdl(audience))
