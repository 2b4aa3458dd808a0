/** Lists come bare or under `items`; pages read both alike. */
export function items<T>(data: T[] | { items: T[] } | undefined): T[] {
  if (!data) return [];
  return Array.isArray(data) ? data : data.items;
}
