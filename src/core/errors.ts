/**
 * Every failure that a person or program can meet, as one closed set of codes.
 *
 * Only the table below turns a code into an exit status and an HTTP status; `satisfies` makes a forgotten code
 * a type error.
 */
import { namedHosts } from "./hosts/fold.ts";
import { shortageOf } from "./shortage.ts";

export type ErrorCode =
  | "usage"
  | "config"
  | "unusable"
  | "bad-request"
  | "denied"
  | "not-found"
  | "exists"
  | "locked"
  | "busy"
  | "too-large"
  | "unreachable"
  | "timeout"
  | "untrusted"
  | "protocol"
  | "storage"
  | "unrecorded"
  | "damaged"
  | "internal";

interface ErrorFacts {
  /** Process exit status: 2 is usage, 78 is sysexits' EX_CONFIG, 70 is EX_SOFTWARE. */
  readonly exit: number;
  readonly http: number;
}

export const ERROR_FACTS = {
  usage: { exit: 2, http: 400 },
  config: { exit: 78, http: 500 },
  /**
   * What the operator has set up for such a request has a fault: unlike with other faults here, the caller is told.
   */
  unusable: { exit: 78, http: 400 },
  "bad-request": { exit: 2, http: 400 },
  denied: { exit: 1, http: 403 },
  "not-found": { exit: 1, http: 404 },
  exists: { exit: 1, http: 409 },
  locked: { exit: 1, http: 409 },
  busy: { exit: 1, http: 503 },
  "too-large": { exit: 1, http: 413 },
  unreachable: { exit: 1, http: 502 },
  timeout: { exit: 1, http: 504 },
  untrusted: { exit: 1, http: 502 },
  protocol: { exit: 1, http: 502 },
  storage: { exit: 1, http: 500 },
  /** The run was refused because its result could not be kept (RFC 4918 section 11.5). */
  unrecorded: { exit: 1, http: 507 },
  damaged: { exit: 1, http: 500 },
  internal: { exit: 70, http: 500 },
} as const satisfies Record<ErrorCode, ErrorFacts>;

interface ErrorExtras {
  /** What the reader can do about it; shown on its own line. */
  readonly hint?: string;
  /** The same for a caller who has no shell on this host, if the hint names a command. */
  readonly remoteHint?: string;
  /** What that caller is told instead of the message, if the message names a file of this host. */
  readonly remoteMessage?: string;
  /** The underlying failure: logged, never shown to a remote caller. */
  readonly cause?: unknown;
}

/** An error with a code. The message reads "Cannot <verb> <object>: <state>". */
export class CtrlExecError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly remoteHint: string | undefined;
  readonly remoteMessage: string;

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.name = "CtrlExecError";
    this.code = code;
    this.hint = extras.hint;
    this.remoteHint = extras.remoteHint ?? extras.hint;
    this.remoteMessage = extras.remoteMessage ?? message;
  }
}

/** The auth hook refused, or there is none; or no rule of join.d allows a token. */
export class DeniedError extends CtrlExecError {
  /** The reason, without "Denied: ". */
  readonly reason: string;
  /** 1 generic, 2 bad credentials, 3 insufficient privilege. */
  readonly hookCode: 1 | 2 | 3;

  constructor(reason: string, hookCode: 1 | 2 | 3, hint?: string) {
    super("denied", `Denied: ${reason}`, hint === undefined ? {} : { hint });
    this.name = "DeniedError";
    this.reason = reason;
    this.hookCode = hookCode;
  }
}

/** The same script is already running on some of the hosts; nothing was dialled. */
export class LockedError extends CtrlExecError {
  /** `host:script`. */
  readonly conflicts: readonly string[];
  /** The ids of the runs that are in the way, as far as they are known. */
  readonly runs: readonly string[];

  /** @param list the command that lists the locks @param waysAround how to wait for those runs, and how to end them */
  constructor(
    conflicts: readonly string[],
    list: string,
    runs: readonly string[] = [],
    waysAround: readonly string[] = [],
  ) {
    super("locked", `Locked: already running: ${namedHosts(conflicts)}`, {
      hint: [...waysAround, `See: ${list}`].join("\n"),
    });
    this.name = "LockedError";
    this.conflicts = conflicts;
    this.runs = runs;
  }
}

/** Converts anything thrown to a CtrlExecError: a shortage of this host, or else an internal error. */
export function asCtrlExecError(thrown: unknown): CtrlExecError {
  if (thrown instanceof CtrlExecError) return thrown;
  const shortage = shortageOf(systemCode(thrown));
  if (shortage !== undefined) {
    return new CtrlExecError("busy", `Cannot go on: ${shortage.problem}`, {
      cause: thrown,
      hint: `Try again: ${shortage.remedy}.`,
    });
  }
  return new CtrlExecError("internal", `Internal error: ${messageOf(thrown)}`, {
    cause: thrown,
    hint: "This is a fault in ctrl-exec. Please report it with the command you ran.",
  });
}

/**
 * Why something stopped, for a record: it is read later, and by others, so it has no hint, which may name files of
 * this host (T67).
 */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof DeniedError)) return messageOf(thrown);
  return thrown.reason === "denied" ? "denied" : `denied: ${thrown.reason}`;
}

/** Message and hint in one line. */
export function inOneLine(thrown: unknown): string {
  const hint = thrown instanceof CtrlExecError ? thrown.hint : undefined;
  return hint === undefined
    ? messageOf(thrown)
    : `${messageOf(thrown)}. ${hint.replace(/\.$/, "")}`;
}

export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` of a system error (`ENOENT`, `ERR_SSL_...`), or an empty string. */
export function systemCode(thrown: unknown): string {
  if (typeof thrown === "object" && thrown !== null && "code" in thrown) {
    return typeof thrown.code === "string" ? thrown.code : "";
  }
  return "";
}
