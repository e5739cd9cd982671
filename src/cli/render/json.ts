/** `--json`: one compact line on stdout (docs/PROTOCOL.md, section 5). */

import { jsonForScreen } from "../../core/text.ts";
import { jsonPieces } from "../../core/wire/json-pieces.ts";
import type { Io } from "../command/io.ts";

/** In pieces, so that the output of many hosts is never held both as text and as JSON. */
export function writeJson(io: Io, value: unknown): void {
  for (const piece of jsonPieces(value)) io.out(jsonForScreen(piece));
  io.out("\n");
}
