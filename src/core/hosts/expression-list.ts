/** Host expressions in a text: what `--hosts-from` reads. */

export interface ListedExpression {
  readonly text: string;
  /** The first line is 1. */
  readonly line: number;
}

/**
 * Words separated by white space, as in ClusterShell's and Ansible's files of hosts: each word is an expression.
 * Space beside an operator, a parenthesis or a bracket, and in quotes, separates nothing. `#` begins a comment, and
 * the end of a line ends an expression.
 */
export function listedExpressions(text: string): ListedExpression[] {
  return text
    .split(/\r?\n/)
    .flatMap((line, index) => wordsOf(line).map((word) => ({ text: word, line: index + 1 })));
}

/** A quoted part; space that ends a word; anything else. A quote that is not closed begins a plain letter. */
const PIECE = /"[^"]*"|'[^']*'|\s+|[^\s"']+|["']/g;

const JOINS_NEXT = ",&!([";
const JOINS_LAST = ",&!)]";

function wordsOf(line: string): string[] {
  const words: string[][] = [];
  let last = "";
  let space: string | undefined = "";
  for (const [piece] of line.matchAll(PIECE)) {
    if (/^\s/.test(piece)) {
      space = piece;
      continue;
    }
    if (space !== undefined && piece.startsWith("#")) break;
    const word = words.at(-1);
    const joins = JOINS_NEXT.includes(last) || JOINS_LAST.includes(piece.charAt(0));
    if (word === undefined || (space !== undefined && !joins)) words.push([piece]);
    else word.push(space ?? "", piece);
    space = undefined;
    last = piece.slice(-1);
  }
  return words.map((parts) => parts.join(""));
}
