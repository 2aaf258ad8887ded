/**
 * Puts batch results back in the order of the keys that were asked for, `null` where nothing came
 * back. Every loader ends with this call: DataLoader pairs keys and values by position alone.
 */
export function align<K, V>(
  keys: readonly K[],
  values: Iterable<V>,
  keyOf: (value: V) => K,
): (V | null)[] {
  const byKey = new Map<K, V>()
  for (const value of values) byKey.set(keyOf(value), value)
  return keys.map((key) => byKey.get(key) ?? null)
}
