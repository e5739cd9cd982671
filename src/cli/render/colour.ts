/** Colour only on a terminal, and never with NO_COLOR (https://no-color.org). */
import type { Io } from "../command/io.ts";

const CODES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

/** For stdout. */
export function paint(io: Io, colour: keyof typeof CODES, text: string): string {
  const wanted = io.outIsTerminal && takesColours(io);
  return wanted ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}

/** Whether a terminal is to have colours. */
export function takesColours({ env }: Io): boolean {
  return (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
}
