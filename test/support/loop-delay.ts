import { monitorEventLoopDelay } from 'node:perf_hooks'

/** For `--import`: at each SIGUSR2 tells how late the event loop was since the last one. */
const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()
process.on('SIGUSR2', () => {
  process.stdout.write(`loop p99 ${Math.round(delay.percentile(99) / 1e6)} ms\n`)
  delay.reset()
})
