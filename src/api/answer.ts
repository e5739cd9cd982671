/** What the API answers: a status and JSON, or bytes that come while the client reads. */

import type { z } from "zod";
import type { Frozen } from "../core/json.ts";
import type { LongText } from "../core/wire/json-pieces.ts";
import type { ErrorAnswer } from "./schemas.ts";

export type Answer = JsonAnswer | StreamAnswer;

export interface JsonAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface StreamAnswer {
  readonly status: number;
  /** All except those that every answer has. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Writes the body; not called for HEAD. When it resolves, the body is complete; when it rejects, the connection is
   * cut, so that nobody mistakes what has arrived for the whole.
   */
  readonly send: (reader: StreamReader) => Promise<void>;
}

/** The reader of a stream. */
export interface StreamReader {
  /** Resolves when there is room for more, or nobody reads any longer. */
  write(bytes: string | Uint8Array): Promise<void>;
  /** Aborted when the client has gone or does not read, or the API stops. */
  readonly signal: AbortSignal;
}

/**
 * The body matches the schema of the route's answer: `success<typeof pingAnswer>(...)`. A text in it may be
 * generated while it is written.
 */
export function success<Schema extends z.ZodType>(
  body: Frozen<z.output<Schema>, LongText>,
): JsonAnswer {
  return { status: 200, body };
}

export function refusal(
  status: number,
  error: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
  hint?: string,
): JsonAnswer {
  const body: ErrorAnswer = { ok: false, error, detail, hint };
  return { status, body, headers };
}

/** A refusal that is thrown: something is wrong with the request itself. */
export class Refused extends Error {
  readonly answer: JsonAnswer;

  constructor(answer: JsonAnswer) {
    super(`refused with status ${answer.status}`);
    this.name = "Refused";
    this.answer = answer;
  }
}

export function badRequest(detail: string): Refused {
  return new Refused(refusal(400, "bad request", detail));
}

/** Seconds after which a request that found no free slot may come again. */
export const RETRY_AFTER = { "Retry-After": "1" };
