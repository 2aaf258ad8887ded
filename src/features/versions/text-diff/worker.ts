import { parentPort } from 'node:worker_threads'
import { compareTexts, type Comparison } from './compare.ts'

parentPort?.on('message', (comparison: Comparison) => {
  parentPort?.postMessage(compareTexts(comparison))
})
