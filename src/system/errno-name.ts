/**
 * The name of an error number of the C library (errno(3)).
 *
 * @param errno the constants of node:os, which what starts quickly does not load before it needs them
 * @returns `ECONNREFUSED`, or `errno 9999` for a number without a name
 */
export function errnoName(code: number, errno: Readonly<Record<string, number>>): string {
  const [name] = Object.entries(errno).find(([, number]) => number === code) ?? [];
  return name ?? `errno ${code}`;
}
