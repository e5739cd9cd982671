/** The CA's fingerprint for people to compare: in the same shape on the screens of both hosts. */

/** Two lines of eight groups of four digits fit any terminal. */
const GROUPS = /(?:[0-9a-f]{4}){8}/g;

/**
 * @param fingerprint `sha256:<64 hex>`
 * @param label the text before it; the second line is aligned with the first
 */
export function fingerprintLines(label: string, fingerprint: string): string {
  const [first = "", second = ""] = (fingerprint.match(GROUPS) ?? []).map(
    (half) => half.match(/.{4}/g)?.join(" ") ?? "",
  );
  const start = `${label}sha256: `;
  return `${start}${first}\n${" ".repeat(start.length)}${second}\n`;
}
