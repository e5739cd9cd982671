/** What is answered when a request fails: `locked` with its conflicts (409), a hook's refusal (403), and the others. */
import {
  asCtrlExecError,
  type CtrlExecError,
  DeniedError,
  ERROR_FACTS,
  LockedError,
  messageOf,
} from "../core/errors.ts";
import type { ControlLog } from "../core/events.ts";
import { NO_HOOK_DENY } from "../core/hook.ts";
import { type JsonAnswer, RETRY_AFTER, Refused, refusal } from "./answer.ts";
import type { ErrorAnswer } from "./schemas.ts";
import { runsInTheWay } from "./way-back.ts";

/** For whatever was thrown. What only the operator can correct also goes to the log. */
export function failureAnswer(log: ControlLog, thrown: unknown, requestId: string): JsonAnswer {
  if (thrown instanceof Refused) return thrown.answer;
  const error = asCtrlExecError(thrown);
  if (ERROR_FACTS[error.code].http >= 500 || error.code === "unusable") {
    const cause = error.cause === undefined ? "" : `: ${messageOf(error.cause)}`;
    log({ event: "api-error", error: error.message + cause, reqid: requestId });
  }
  return errorAnswer(error, requestId);
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
    const { reason, hookCode: code } = error;
    const detail = `the request is refused${reason === "denied" ? "" : `: ${reason}`}`;
    const body: ErrorAnswer = { ok: false, error: reason, detail, code, hint };
    return { status, body };
  }
  if (error instanceof LockedError) {
    const hint = runsInTheWay(error.runs);
    const conflicts = [...error.conflicts];
    const detail = error.message;
    const body: ErrorAnswer = { ok: false, error: "locked", detail, code: 4, conflicts, hint };
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

const NAMES: Readonly<Record<number, { name: string; headers?: Record<string, string> }>> = {
  400: { name: "bad request" },
  404: { name: "not found" },
  413: { name: "too large" },
  503: { name: "busy", headers: RETRY_AFTER },
  507: { name: "not recorded" },
};
