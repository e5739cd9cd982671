/**
 * The text in lines, broken after commas and spaces; a part between two of them that is longer than a line is not
 * broken.
 *
 * @param room columns of a line
 * @returns none for an empty text
 */
export function wrapped(text: string, room: number): string[] {
  const lines: string[] = [];
  for (const piece of text === "" ? [] : text.split(/(?<=[, ])/)) {
    const last = lines.at(-1);
    if (last !== undefined && (last + piece).trimEnd().length <= room) {
      lines[lines.length - 1] = last + piece;
    } else lines.push(piece);
  }
  return lines.map((line) => line.trimEnd());
}
