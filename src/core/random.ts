/** Choices by lot. The lot itself is an argument. */

/**
 * Some of the items, each as likely as any other, none twice; all when there are no more.
 *
 * @param below a random whole number from 0 on, below its argument
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
