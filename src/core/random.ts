/** Random choices. The randomness is an argument. */

/**
 * Some of the items, each equally likely, none twice; all of them if there are no more.
 *
 * @param below returns a random whole number from 0 up to, but not including, its argument
 */
export function draw<Item>(
  items: readonly Item[],
  count: number,
  below: (bound: number) => number,
): Item[] {
  const left = [...items];
  const drawn: Item[] = [];
  while (drawn.length < count && left.length > 0) drawn.push(...left.splice(below(left.length), 1));
  return drawn;
}
