/** Enough of a POSIX shell's reading of a line to find the commands and their words in documents. */

/** The simple commands of a script: words, with quotes taken off and redirections dropped. */
export function shellCommands(script: string): string[][] {
  const joined = script.replace(/\\\n\s*/g, " ");
  return joined.split("\n").flatMap((line) => commandsOfLine(line.trim()));
}

function commandsOfLine(line: string): string[][] {
  if (line === "" || line.startsWith("#")) return [];
  const inner = /^(?:export )?\w+=\$\((.*)\)$/.exec(line);
  if (inner?.[1] !== undefined) return commandsOfLine(inner[1]);
  const commands: string[][] = [[]];
  for (const token of tokens(line)) {
    if (token.operator) commands.push([]);
    else commands.at(-1)?.push(token.text);
  }
  return commands.map(withoutDecoration).filter((words) => words.length > 0);
}

interface Token {
  readonly text: string;
  readonly operator: boolean;
}

function tokens(line: string): Token[] {
  const found: Token[] = [];
  const pattern =
    /\s+|(\|\||&&|[|;&])|(\d?>>?&?\s*\S+|<\s*\S+)|((?:"(?:[^"\\]|\\.)*"|'[^']*'|\$\([^)]*\)|\\.|[^\s"'|;&<>\\])+)/y;
  for (let match = pattern.exec(line); match !== null; match = pattern.exec(line)) {
    const [, operator, , word] = match;
    if (word?.startsWith("#")) break;
    if (operator !== undefined) found.push({ text: operator, operator: true });
    else if (word !== undefined) found.push({ text: unquote(word), operator: false });
  }
  return found;
}

function unquote(word: string): string {
  return word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g, (_, double, single, escaped) =>
    String(double ?? single ?? escaped ?? "").replace(/\\(["\\$`])/g, "$1"),
  );
}

const KEYWORDS = ["sudo", "until", "while", "if", "then", "else", "do", "done", "fi", "!"];

/** Without `sudo`, keywords and assignments in front. */
function withoutDecoration(words: readonly string[]): string[] {
  const start = words.findIndex((word) => !KEYWORDS.includes(word) && !/^\w+=/.test(word));
  return start < 0 ? [] : words.slice(start);
}
