/** One stream of one host of a run, as bytes of which any part can be had. */
import { outputLength } from "../../core/output-bytes.ts";
import type { OutputStream, RunEvent } from "../../core/run-event.ts";
import type { Gap } from "./log-reading.ts";
import type { RunLog } from "./run-log.ts";

/** How much there is. */
export interface OutputExtent {
  /** Bytes that can be read. */
  readonly length: number;
  /** No more will come. */
  readonly complete: boolean;
  /** Bytes that the script printed beyond that and that are not kept. */
  readonly dropped: number;
}

export class OutputReader {
  readonly #log: RunLog;
  readonly #host: string;
  readonly #stream: OutputStream;

  /** @param host of the run */
  constructor(log: RunLog, host: string, stream: OutputStream) {
    this.#log = log;
    this.#host = host;
    this.#stream = stream;
  }

  /** @param near a byte that most likely exists: then an agent is not asked for what comes before it */
  async extent(near: number, signal: AbortSignal): Promise<OutputExtent | Gap> {
    const result = this.#log.recorded(this.#host);
    if (result === undefined) return await this.#agentsExtent(near, signal);
    const length = outputLength(result, this.#stream);
    const dropped = result[`${this.#stream}_dropped`] ?? 0;
    if (result[`${this.#stream}_unrecorded`] === undefined) {
      return { length, complete: true, dropped };
    }
    const found = await this.#agentsExtent(near, signal, length);
    // An agent that is away may give the rest later.
    return "length" in found ? found : { length, complete: found.answered, dropped };
  }

  /** @param least as much exists */
  async #agentsExtent(near: number, signal: AbortSignal, least = 0): Promise<OutputExtent | Gap> {
    const from = Math.max(near, least);
    const found = await this.#measure(from, signal);
    return from === least || ("length" in found && found.length > from)
      ? found
      : await this.#measure(least, signal);
  }

  async #measure(from: number, signal: AbortSignal): Promise<OutputExtent | Gap> {
    let length = from;
    let dropped = 0;
    let complete = false;
    const gap = await this.#read(from, signal, (event) => {
      if (event.kind === "end") complete = true;
      else if (event.kind === "output") length = event.offset + event.bytes.length;
      else if (event.kind === "dropped") dropped += event.bytes;
    });
    return gap ?? { length, complete, dropped };
  }

  /**
   * Passes on the bytes from `first` up to `end`, which must exist.
   *
   * @returns whether all of them have come
   */
  async bytes(
    { first, end }: { readonly first: number; readonly end: number },
    signal: AbortSignal,
    write: (bytes: Uint8Array) => Promise<void>,
  ): Promise<boolean> {
    if (first >= end) return true;
    const enough = new AbortController();
    let next = first;
    await this.#read(first, AbortSignal.any([signal, enough.signal]), async (event) => {
      if (event.kind !== "output" || next >= end) return;
      await write(event.bytes.subarray(0, end - next));
      next = Math.min(end, event.offset + event.bytes.length);
      if (next === end) enough.abort();
    });
    return next === end;
  }

  async #read(
    from: number,
    signal: AbortSignal,
    onEvent: (event: RunEvent) => Promise<void> | void,
  ): Promise<Gap | undefined> {
    const reading = { from: this.#from(from), follow: false, signal };
    return await this.#log.read(this.#host, reading, (_, event) =>
      "stream" in event && event.stream !== this.#stream ? undefined : onEvent(event),
    );
  }

  /** An agent sends both streams to their ends; a record is read only where it is needed. */
  #from(offset: number) {
    const recorded = this.#log.recorded(this.#host) !== undefined;
    const other = recorded ? Number.MAX_SAFE_INTEGER : 0;
    return this.#stream === "stdout"
      ? { stdout: offset, stderr: other }
      : { stdout: other, stderr: offset };
  }
}
