/** Every parser. What comes with a new format is one more entry. */
import type { Target } from "../target.ts";
import { FILES } from "./files.ts";
import { HTTP } from "./http.ts";
import { MESSAGES } from "./messages.ts";
import { PKI } from "./pki.ts";
import { STREAMS } from "./streams.ts";
import { WORDS } from "./words.ts";

export const TARGETS: readonly Target[] = [
  ...PKI,
  ...HTTP,
  ...STREAMS,
  ...MESSAGES,
  ...FILES,
  ...WORDS,
];
