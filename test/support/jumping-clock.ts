/**
 * Loaded into a process before all else: its clock is CLOCK_AHEAD_MS ahead, and each SIGUSR2 makes it jump
 * an hour ahead, then an hour back, then right. What Node measures durations with runs on.
 */

const jumpsMs = [3_600_000, -3_600_000, 0] as const
const RealDate = Date
let jumps = 0
let aheadMs = Number(process.env['CLOCK_AHEAD_MS'] ?? 0)

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
  apply: () => new RealDate(now()).toString(),
  get: (target, name, receiver) =>
    name === 'now' ? now : (Reflect.get(target, name, receiver) as unknown),
})

function now(): number {
  return RealDate.now() + aheadMs
}

process.on('SIGUSR2', () => {
  aheadMs = jumpsMs[jumps++ % jumpsMs.length] ?? 0
})
