/** `--json`: one compact line on stdout (docs/PROTOCOL.md, section 5). */

import { jsonForScreen } from "../../core/text.ts";
import { jsonPieces } from "../../core/wire/json-pieces.ts";
import { collecting } from "../../system/memory.ts";
import type { Io } from "../command/io.ts";

/** In pieces, so that the output of many hosts is never held both as text and as JSON. */
export function writeJson(io: Io, value: unknown): void {
  for (const piece of jsonPieces(value)) io.out(jsonForScreen(piece));
  io.out("\n");
}

/** The member that repeats what was said about the choice of the hosts, if anything was. */
export function warned(warnings: readonly string[]): { readonly warnings?: readonly string[] } {
  return warnings.length === 0 ? {} : { warnings };
}

/** The same as it is read: a long output in a file is never held whole. */
export async function writeLongJson(io: Io, value: unknown): Promise<void> {
  for (const piece of collecting(jsonPieces(value))) {
    io.out(jsonForScreen(piece));
    await io.room();
  }
  io.out("\n");
}
