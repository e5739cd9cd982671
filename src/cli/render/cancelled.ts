/** The words for a script that was ended because somebody asked for it. */

/** `cancelled by alice (SIGTERM)`. */
export function cancelledText({
  cancelled_by,
  signal,
}: {
  readonly cancelled_by?: string;
  readonly signal?: string;
}): string {
  // The person who asked may have given no name.
  const by = cancelled_by ? ` by ${cancelled_by}` : "";
  return `cancelled${by}${signal === undefined ? "" : ` (${signal})`}`;
}
