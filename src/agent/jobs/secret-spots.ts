/**
 * Where in a job's output its script printed the caller's token, in a file beside the output's file (T27). A caller
 * who has the token and waits for the run gets what was printed; anyone who asks later gets marks in its place.
 */

import { existsSync, writeFileSync } from "node:fs";
import { hideSpots, type SecretSpot } from "../../core/secret-mask.ts";
import { readPlainFile } from "../../system/files/plain-file.ts";

function fileOf(output: string): string {
  return `${output}.tokens`;
}

/** @param output the output's file. Returns false if it cannot be noted. */
export function noteSpots(output: string, spots: readonly SecretSpot[]): boolean {
  // If a full disk has cut a line, the part that is there ends where the next line begins.
  const lines = spots.map(({ at, length }) => `\n${at} ${length}`).join("");
  try {
    writeFileSync(fileOf(output), lines, { flag: "a", mode: 0o600 });
    return true;
  } catch {
    return false;
  }
}

/**
 * Puts marks over the token in what was read from an output.
 *
 * @param offset of the bytes in the output
 * @throws the system's error if the spots were noted but cannot be read
 */
export function hideToken(output: string, bytes: Uint8Array, offset: number): void {
  hideSpots(bytes, offset, spotsIn(fileOf(output)));
}

function spotsIn(file: string): SecretSpot[] {
  if (!existsSync(file)) return [];
  const lines = readPlainFile(file, { noLink: true }).bytes.toString("utf8").split("\n");
  return lines.flatMap((line) => {
    const [, at, length] = /^(\d+) (\d+)$/.exec(line) ?? [];
    return at === undefined ? [] : [{ at: Number(at), length: Number(length) }];
  });
}
