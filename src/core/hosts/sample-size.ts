/** How many of the hosts that match are taken: `10`, or `10%`. */

export type SampleSize = { readonly hosts: number } | { readonly percent: number };

/** Undefined if it is neither, or if it would take no host. */
export function parseSampleSize(text: string): SampleSize | undefined {
  const [, digits, percent] = /^([1-9]\d{0,5})(%?)$/.exec(text) ?? [];
  const number = Number(digits);
  if (digits === undefined) return undefined;
  if (percent === "") return { hosts: number };
  return number <= 100 ? { percent: number } : undefined;
}

/** Why a text is not a size, as the end of a sentence. */
export function sizeProblem(text: string): string {
  if (/^\d+%$/.test(text)) return `${text} is not between 1% and 100%`;
  if (/^0+$/.test(text)) return `${text} is nobody`;
  if (/^[1-9]\d*$/.test(text)) return `${text} is more than 999999 hosts`;
  return `"${text}" is neither a number of hosts nor a percentage`;
}

/** Out of this number of hosts. At least one: a percentage of a few hosts must not be none. */
export function sampleOf(size: SampleSize, total: number): number {
  if ("hosts" in size) return Math.min(size.hosts, total);
  return Math.ceil((size.percent * total) / 100);
}
