/**
 * Settings that make an instance show what one in production shows, over the stand-ins of a test.
 * `loadConfig` refuses the rest of a test's world in production, e.g. neighbours without TLS.
 */
export const productionLike = {
  NODE_ENV: 'production',
  ALLOW_STAND_INS: 'true',
  // Each new connection is looked at first, and the machine of a test has much else to do.
  DATABASE_ACQUIRE_TIMEOUT_MS: '10000',
}
