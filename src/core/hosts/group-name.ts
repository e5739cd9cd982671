/** Names of groups, which follow `@@` in an expression. */

/** Other names must be in quotes. */
const PLAIN = /[\p{L}\p{N}_.-]+/uy;
const QUOTED = /"[^"]*"|'[^']*'/y;

const MAX_LENGTH = 128;

/** Why a group cannot have the name; undefined if it can. */
export function groupNameProblem(name: string): string | undefined {
  if (name === "") return "a group needs a name";
  if (name.length > MAX_LENGTH) return `a group's name has at most ${MAX_LENGTH} characters`;
  if (/[\p{C}\p{Z}"']/u.test(name.replaceAll(" ", ""))) {
    return "a group's name has no quotes, and no spaces except the ordinary one";
  }
  return undefined;
}

/**
 * @param at the position after the @@
 * @returns undefined if no name begins there
 */
export function readGroupName(
  text: string,
  at: number,
): { readonly name: string; readonly end: number } | undefined {
  for (const pattern of [PLAIN, QUOTED]) {
    pattern.lastIndex = at;
    const [whole] = pattern.exec(text) ?? [];
    if (whole === undefined) continue;
    const name = pattern === QUOTED ? whole.slice(1, -1) : whole;
    return groupNameProblem(name) === undefined ? { name, end: at + whole.length } : undefined;
  }
  return undefined;
}

/** As it is typed in an expression. */
export function typedGroup(name: string): string {
  return readGroupName(name, 0)?.end === name.length ? `@@${name}` : `@@"${name}"`;
}
