/** What the API answers: a status and JSON, or bytes that come while the client reads. */

import type { z } from "zod";
import { type CtrlExecError, DeniedError, ERROR_FACTS, LockedError } from "../core/errors.ts";
import { NO_HOOK_DENY } from "../core/hook.ts";
import type { Frozen } from "../core/json.ts";
import type { LongText } from "../core/wire/json-pieces.ts";
import type { ErrorAnswer } from "./schemas.ts";
import { runsInTheWay } from "./way-back.ts";

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

/**
 * The one error shape (docs/PROTOCOL.md, section 6). Internal failures are not shown, and a caller whom the
 * hook refuses is told only the reason: the hint of such an error names files of this host (T67).
 */
export function errorAnswer(error: CtrlExecError, requestId: string): JsonAnswer {
  const status = ERROR_FACTS[error.code].http;
  if (error instanceof DeniedError) {
    // There is no hook then whose files it could name.
    const hint = error.reason === NO_HOOK_DENY ? error.hint : undefined;
    const body: ErrorAnswer = { ok: false, error: error.reason, code: error.hookCode, hint };
    return { status, body };
  }
  if (error instanceof LockedError) {
    const hint = runsInTheWay(error.runs);
    const conflicts = [...error.conflicts];
    const body: ErrorAnswer = { ok: false, error: "locked", code: 4, conflicts, hint };
    return { status, body };
  }
  const told = error.code === "busy" || error.code === "unrecorded";
  if (status >= 500 && !told) return serverError(requestId);
  const { name, headers } = NAMES[status] ?? { name: error.code };
  return refusal(status, name, error.remoteMessage, headers, error.remoteHint);
}

function serverError(requestId: string): JsonAnswer {
  return refusal(500, "server error", `see the log of the control host for REQID=${requestId}`);
}

/** Seconds after which a request that found no free slot may come again. */
export const RETRY_AFTER = { "Retry-After": "1" };

const NAMES: Readonly<Record<number, { name: string; headers?: Record<string, string> }>> = {
  400: { name: "bad request" },
  404: { name: "not found" },
  413: { name: "too large" },
  503: { name: "busy", headers: RETRY_AFTER },
  507: { name: "not recorded" },
};
