/** Where workers listen; the notification names the queue. */
export const ringChannel = 'gateway_tasks'

/** Of one key one message waits at most; what a dead worker had taken is not tried again. */
export const queueOptions = {
  policy: 'short',
  retryLimit: 0,
  expireInSeconds: 60,
  deleteAfterSeconds: 3_600,
} as const

/**
 * The library's own insert leaves a message of the same key as it is, free to be taken before the
 * caller commits; this one locks it, and takers pass over what is locked. The queue is created with
 * the first message: the API may ring before any worker has ever run.
 */
export const ringSql = `
  with queue as materialized (select pgboss.create_queue(?, ?::jsonb))
  insert into pgboss.job_common
    (name, singleton_key, data, policy, retry_limit, expire_seconds, deletion_seconds)
  select ?, ?, ?::jsonb, ?, ?, ?, ? from queue
  on conflict (name, coalesce(singleton_key, '')) where state = 'created' and policy = 'short'
    do update set data = excluded.data
  returning pg_notify(?, name)`

/** In the order of the placeholders of `ringSql`. */
export function ringValues(queue: string, key: string, payload: unknown): (string | number)[] {
  const { policy, retryLimit, expireInSeconds, deleteAfterSeconds } = queueOptions
  const created = [queue, JSON.stringify(queueOptions)]
  const message = [queue, key, JSON.stringify(payload)]
  const options = [policy, retryLimit, expireInSeconds, deleteAfterSeconds]
  return [...created, ...message, ...options, ringChannel]
}
