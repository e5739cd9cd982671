/** What is under way in the API, and how it all ends at SIGTERM. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { RunUnderWay } from "../controller/runs/run.ts";
import { newRequestId } from "../core/request-id.ts";
import { within } from "../system/deadline.ts";

/** A request whose answer is due. */
export interface Due {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly peer: string;
  /** Aborted when the rest of the request can never come. */
  readonly broken: AbortSignal;
  /** Resolves when the answer is sent or the client has gone. */
  readonly closed: Promise<void>;
  /** Aborted then, or when the API stops: a stream ends. */
  readonly over: AbortSignal;
  /** An answer has been given; there can be no other. */
  answered: boolean;
  /** That answer is a stream. */
  streaming: boolean;
  bytes: number;
}

interface Ending {
  readonly over: AbortController;
  readonly close: () => void;
}

export class InFlight {
  readonly #due = new Map<Due, Ending>();
  readonly #runs = new Set<RunUnderWay>();
  #idle: () => void = () => undefined;
  /** Why no rollout begins another batch. */
  #noMore: string | undefined;

  /** The requests whose answers are due. */
  get due(): readonly Due[] {
    return [...this.#due.keys()];
  }

  /** How many runs have not ended. */
  get runs(): number {
    return this.#runs.size;
  }

  enter(
    request: IncomingMessage,
    response: ServerResponse,
    peer: string,
    broken: AbortSignal,
  ): Due {
    const { promise: closed, resolve: close } = Promise.withResolvers<void>();
    const over = new AbortController();
    const due: Due = {
      request,
      response,
      requestId: newRequestId(),
      peer,
      broken,
      closed,
      over: over.signal,
      answered: false,
      streaming: false,
      bytes: 0,
    };
    this.#due.set(due, { over, close });
    // It does not matter if the client goes away while it is answered.
    response.on("error", () => undefined);
    response.once("close", () => this.forget(due));
    return due;
  }

  /** Its answer is sent, or there is nobody to answer. */
  forget(due: Due): void {
    const ending = this.#due.get(due);
    this.#due.delete(due);
    this.#settle();
    ending?.over.abort();
    ending?.close();
  }

  /** @param onFailure called if it could not be completed */
  track(run: RunUnderWay, onFailure: (thrown: unknown) => void): void {
    this.#runs.add(run);
    if (this.#noMore !== undefined) run.beginNoMore?.(this.#noMore);
    run.finished.catch(onFailure).finally(() => {
      this.#runs.delete(run);
      this.#settle();
    });
  }

  /** No rollout begins another batch, including those that are accepted only now. */
  beginNoMore(why: string): void {
    this.#noMore = why;
    for (const run of this.#runs) run.beginNoMore?.(why);
  }

  /** Ends each stream after what has been written of it; a client that does not read that is disconnected. */
  async endStreams(ms: number): Promise<void> {
    const streams = [...this.#due].filter(([due]) => due.streaming);
    for (const [, { over }] of streams) over.abort();
    const closed = Promise.all(streams.map(([due]) => due.closed));
    await within(ms, closed, () => undefined);
    for (const [due] of streams) due.response.destroy();
  }

  /** Gives up whatever runs are still waiting for. */
  async abandonRuns(why: string): Promise<void> {
    await Promise.all([...this.#runs].map((run) => run.abandon(why)));
  }

  /** Resolves with whether nothing is under way any more. */
  async idleWithin(ms: number): Promise<boolean> {
    const { promise: idle, resolve } = Promise.withResolvers<boolean>();
    this.#idle = () => resolve(true);
    this.#settle();
    return await within(ms, idle, () => false);
  }

  #settle(): void {
    if (this.#due.size === 0 && this.#runs.size === 0) this.#idle();
  }
}
