/**
 * One connection of the HTTP server and its deadlines (T19, T64). At every moment one of these holds: the
 * client owes a request or the rest of one; it owes the reading of an answer; or the connection is being hung
 * up. Each of these has a total deadline, whatever trickles in. Otherwise a whole request is being worked on,
 * which takes as long as the work does.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Deadline } from "../deadline.ts";
import { hangUp } from "./hang-up.ts";

/** 400 not HTTP, 405 CONNECT, 408 too slow, 431 too long a head, 503 too many connections. */
export type RefusalStatus = 400 | 405 | 408 | 431 | 503;

export interface HttpConnectionOptions {
  /** The connection itself. */
  readonly raw: Socket;
  /** The socket for HTTP: TLS, or the raw one. */
  readonly socket: Socket;
  readonly peer: string;
  /** The whole answer to bytes that are not an acceptable request. */
  refusal(status: RefusalStatus): string;
  readonly idleMs: number;
  readonly onItsWayMs: number;
}

/**
 * Answers that may be due on one connection (T21). One read can bring thousands of pipelined requests, and the
 * parser cannot be paused inside it, so a client that exceeds this is hung up on.
 */
const MAX_DUE = 16;

const MIB = 1024 * 1024;

interface Coming {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly broken: AbortController;
}

export class HttpConnection {
  readonly peer: string;
  readonly #options: HttpConnectionOptions;
  /** The deadline for what the client owes. */
  #owed: Deadline | undefined;
  /** An answer that is being sent. */
  #leaving: Deadline | undefined;
  /** Answers that are due: a client may send its next request before it has the previous answer. */
  readonly #due = new Set<ServerResponse>();
  /** The request that is still arriving, or whose end event is about to fire. */
  #coming: Coming | undefined;
  /** The refusal to send once the answers that are due are out. */
  #lastWord: RefusalStatus | undefined;
  /** No more requests are taken. */
  #over = false;
  #hangingUp = false;
  /** Whole requests whose answers are due. */
  #working = 0;

  constructor(options: HttpConnectionOptions) {
    this.#options = options;
    this.peer = options.peer;
    // The library's own method would close with bytes unread after the last answer.
    options.socket.destroySoon = () => this.#hangUp();
    options.raw.once("close", () => this.close());
  }

  /** No answer is under way: at most a request is still arriving. */
  get isIdle(): boolean {
    return this.#working === 0;
  }

  /** Waits for a request; one whose head has begun by the deadline gets more time. */
  rest(ms = this.#options.idleMs): void {
    const { raw, idleMs } = this.#options;
    const before = raw.bytesRead;
    this.#owe(ms, () => {
      if (raw.bytesRead === before) this.close();
      else this.#owe(idleMs, () => this.refuse(408));
    });
  }

  /**
   * A request's head has arrived. Its body has a deadline; the answer takes as long as it takes.
   *
   * @returns a signal, aborted if the rest of the request can never come; undefined if the request must not be
   * answered, since the last answer has been given
   */
  begin(request: IncomingMessage, response: ServerResponse): AbortSignal | undefined {
    if (this.#over) return undefined;
    if (this.#due.size >= MAX_DUE) {
      this.close();
      return undefined;
    }
    const coming = { request, response, broken: new AbortController() };
    this.#coming = coming;
    this.#due.add(response);
    this.#owe(this.#options.idleMs, () => this.refuse(408));
    let working = false;
    request.once("end", () => {
      if (this.#coming === coming) {
        this.#coming = undefined;
        this.#owed?.stop();
      }
      // It was answered early, and the rest of it was only dropped.
      if (!this.#due.has(response)) {
        this.#answered();
        return;
      }
      working = true;
      this.#working += 1;
    });
    // The socket has the whole answer: from here on, only the client can delay it.
    response.once("prefinish", () => this.#leave());
    response.once("close", () => {
      this.#leaving?.stop();
      if (working) this.#working -= 1;
      this.#due.delete(response);
      // The next answer was only waiting for its turn.
      if ([...this.#due].some(({ writableEnded }) => writableEnded)) this.#leave();
      this.#answered();
    });
    return coming.broken.signal;
  }

  /**
   * Called when input cannot be read, or not in time: nothing more is read. The answers that are due go out,
   * then the refusal, then the connection is hung up.
   */
  refuse(status: RefusalStatus): void {
    if (this.#over) return;
    this.#over = true;
    this.#lastWord = status;
    const coming = this.#coming;
    this.#coming = undefined;
    // One that is whole may still have to fire its end event.
    if (coming?.request.complete === false) {
      // An early answer to it was the last one: the rest of its body gets none.
      if (coming.response.headersSent) this.#lastWord = undefined;
      else this.#due.delete(coming.response);
      coming.broken.abort();
    }
    this.#options.socket.pause();
    this.#answered();
  }

  close(): void {
    this.#owed?.stop();
    this.#leaving?.stop();
    this.#over = true;
    this.#coming?.broken.abort();
    this.#coming = undefined;
    this.#options.socket.destroy();
    this.#options.raw.destroy();
  }

  #answered(): void {
    if (this.#due.size > 0) return;
    const { idleMs, onItsWayMs } = this.#options;
    if (this.#over) this.#hangUp();
    else if (this.#coming === undefined) this.rest(idleMs + onItsWayMs);
  }

  #hangUp(): void {
    const { socket, raw, refusal } = this.#options;
    if (this.#hangingUp || raw.destroyed) return;
    this.#hangingUp = true;
    this.#over = true;
    this.#owed?.stop();
    this.#leaving?.stop();
    const word = socket.writableEnded ? undefined : this.#lastWord;
    const text = word === undefined ? undefined : refusal(word);
    hangUp(socket, () => this.close(), this.#readingMs(), text);
  }

  /** Closes unless the answer is sent in time: an unread answer holds memory (T19, T21). */
  #leave(): void {
    this.#leaving?.stop();
    if (this.#options.raw.destroyed) return;
    this.#leaving = new Deadline(this.#readingMs(), () => this.close());
  }

  /** The time that the client has to read what it was sent. */
  #readingMs(): number {
    const { socket, idleMs } = this.#options;
    return idleMs * (1 + socket.writableLength / MIB);
  }

  #owe(ms: number, act: () => void): void {
    this.#owed?.stop();
    if (!this.#options.raw.destroyed) this.#owed = new Deadline(ms, act);
  }
}
