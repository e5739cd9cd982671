/**
 * What one output has and another does not, as a unified diff. Within limits: whatever hosts print, all differences
 * of a run together take a few seconds and a few times MAX_BYTES of memory (T69).
 */
import { outputBytes } from "../../core/output-bytes.ts";
import type { OutputStream } from "../../core/run-event.ts";
import type { RunResult } from "../../core/run-result.ts";
import { formatBytes } from "../../core/units.ts";

/** For a longer output no difference is computed. */
const MAX_BYTES = 2 ** 20;

/** Lines that may be present or not; texts that differ in more are not alike. */
const MAX_CHANGES = 1_000;

/** For one difference, and for all of them: milliseconds. */
const MAX_MS = 500;
const MAX_ALL_MS = 5_000;

/** Lines around each change. */
const CONTEXT = 3;

export type Difference =
  /** Nothing in both. */
  | { readonly kind: "nothing" }
  | { readonly kind: "same" }
  /** The other has something. */
  | { readonly kind: "empty" }
  /** Lines that begin with `@@`, ` `, `-`, `+` or `\`, each with its newline. */
  | { readonly kind: "lines"; readonly text: string }
  /** None was computed, and why. */
  | { readonly kind: "none"; readonly why: string };

/** The text of an output, or why there is none that could be compared. */
type Comparable = { readonly text: string } | { readonly why: string };

export class OutputDiffs {
  readonly #base: Readonly<Record<OutputStream, Comparable>>;
  readonly #clock: () => number;
  #left = MAX_ALL_MS;

  /**
   * @param base the result with which others are compared
   * @param clock milliseconds
   */
  constructor(base: RunResult, clock = () => performance.now()) {
    this.#clock = clock;
    this.#base = { stdout: comparable(base, "stdout"), stderr: comparable(base, "stderr") };
  }

  /** Takes up to half a second of the processor. */
  async against(result: RunResult, stream: OutputStream): Promise<Difference> {
    const base = this.#base[stream];
    if (this.#left <= 0 && result[stream] !== "") return { kind: "none", why: "out of time" };
    const other = comparable(result, stream);
    if ("why" in other) return { kind: "none", why: other.why };
    if ("why" in base) return { kind: "none", why: `the first is ${base.why}` };
    if (base.text === other.text) return { kind: base.text === "" ? "nothing" : "same" };
    if (other.text === "") return { kind: "empty" };
    if (base.text === "") return { kind: "none", why: "the first is empty" };
    const text = await this.#patch(base.text, other.text);
    return text === undefined ? { kind: "none", why: "too different" } : { kind: "lines", text };
  }

  async #patch(base: string, other: string): Promise<string | undefined> {
    // Loaded here: few runs need it.
    const { createTwoFilesPatch, OMIT_HEADERS } = await import("diff");
    const begun = this.#clock();
    const text = createTwoFilesPatch("", "", base, other, "", "", {
      context: CONTEXT,
      maxEditLength: MAX_CHANGES,
      timeout: Math.min(MAX_MS, this.#left),
      headerOptions: OMIT_HEADERS,
    });
    this.#left -= this.#clock() - begun;
    return text;
  }
}

function comparable(result: RunResult, stream: OutputStream): Comparable {
  if (result[`${stream}_b64`] !== undefined) return { why: "not text" };
  const pieces: Buffer[] = [];
  let bytes = 0;
  for (const piece of outputBytes(result, stream)) {
    bytes += piece.length;
    if (bytes > MAX_BYTES) return { why: `over ${formatBytes(MAX_BYTES)}` };
    pieces.push(piece);
  }
  return { text: Buffer.concat(pieces, bytes).toString("utf8") };
}
