/**
 * The auth hook's contract (docs/PROTOCOL.md, section 3): what it is told, and what its exit code means. Anything
 * except a clean exit 0 is a refusal.
 */
import type { CommonEvent, CommonLog } from "./events.ts";
import type { Shortage } from "./shortage.ts";
import { isoSeconds } from "./time.ts";

/** `read` to `continue` are about runs that were recorded; those after them change whom this host trusts, or itself. */
export const HOOK_ACTIONS = [
  "run",
  "ping",
  "discovery",
  "api",
  "read",
  "cancel",
  "pause",
  "continue",
  "token-create",
  "token-list",
  "token-revoke",
  "upgrade",
] as const;
export type HookAction = (typeof HOOK_ACTIONS)[number];

export interface HookRequest {
  readonly action: HookAction;
  readonly script: string;
  /** Absent on the agent, which does not know the other hosts. */
  readonly hosts?: readonly string[];
  readonly args: readonly string[];
  readonly username: string;
  readonly token: string;
  readonly sourceIp: string;
  readonly time: Date;
  /** Whether the command line or the API asks; absent on the agent, which does not know. */
  readonly via?: "cli" | "api";
  /** On the agent: the hub through which the caller came. Then `sourceIp` is the hub's word. */
  readonly hub?: string | undefined;
  /** The API's route as in its document: `GET /status/{reqid}`. */
  readonly route?: string | undefined;
  /** The run that the request is about, and who submitted it. */
  readonly reqid?: string | undefined;
  readonly submitter?: string | undefined;
}

/** The hook's standard input. */
export function hookInput(request: HookRequest): string {
  return JSON.stringify({
    action: request.action,
    script: request.script,
    hosts: request.hosts,
    args: request.args,
    username: request.username,
    token: request.token,
    source_ip: request.sourceIp,
    timestamp: isoSeconds(request.time),
    via: request.via,
    hub: request.hub,
    route: request.route,
    reqid: request.reqid,
    submitter: request.submitter,
  });
}

/** The same as environment variables. */
export function hookEnvironment(request: HookRequest): Record<string, string> {
  return {
    ENVEXEC_ACTION: request.action,
    ENVEXEC_SCRIPT: request.script,
    ...(request.hosts === undefined ? {} : { ENVEXEC_HOSTS: request.hosts.join(",") }),
    ENVEXEC_ARGS: request.args.join(" "),
    ENVEXEC_ARGS_JSON: JSON.stringify(request.args),
    ENVEXEC_USERNAME: request.username,
    ENVEXEC_TOKEN: request.token,
    ENVEXEC_SOURCE_IP: request.sourceIp,
    ENVEXEC_TIMESTAMP: isoSeconds(request.time),
    ...(request.via === undefined ? {} : { ENVEXEC_VIA: request.via }),
    ...(request.hub === undefined ? {} : { ENVEXEC_HUB: request.hub }),
    ...(request.route === undefined ? {} : { ENVEXEC_ROUTE: request.route }),
    ...(request.reqid === undefined ? {} : { ENVEXEC_REQID: request.reqid }),
    ...(request.submitter === undefined ? {} : { ENVEXEC_SUBMITTER: request.submitter }),
  };
}

/** The longest `NAME=value` that Linux accepts, including its final NUL (MAX_ARG_STRLEN, execve(2)). */
const MAX_VARIABLE_BYTES = 131_072;

/** Names of the variables that are too long for any program. */
export function tooLongVariables(environment: Readonly<Record<string, string>>): string[] {
  return Object.entries(environment).flatMap(([name, value]) => {
    const bytes = Buffer.byteLength(`${name}=${value}`) + 1;
    return bytes > MAX_VARIABLE_BYTES ? [name] : [];
  });
}

/** How the hook's process ended. */
export type HookOutcome =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "killed"; readonly signal: string }
  | { readonly kind: "timed-out"; readonly seconds: number }
  /**
   * The hook was not asked: these variables are too long for it, or, if none is named, all of them together
   * are.
   */
  | { readonly kind: "too-long"; readonly variables: readonly string[] }
  | { readonly kind: "not-executable"; readonly reason: string; readonly remedy?: string }
  /** The hook was not asked: the host has run out of something. */
  | { readonly kind: "no-room"; readonly shortage: Shortage }
  /** The hook was not asked: others could change it. */
  | { readonly kind: "not-trusted"; readonly problem: string; readonly remedy: string };

export type AuthDecision =
  | { readonly allowed: true; readonly reason?: string }
  | {
      readonly allowed: false;
      /** What the caller and the log are told. */
      readonly reason: string;
      /** 1, 2 or 3: generic, bad credentials, insufficient privilege. */
      readonly code: 1 | 2 | 3;
      /** True if the hook failed instead of deciding: logged as an error. */
      readonly broken: boolean;
      /** The hook ended with a code that has no meaning: it may be broken, too. */
      readonly unclear?: true;
      /** Only for this host's administrator: what is wrong with the hook, and how to correct it. */
      readonly fault?: HookFault;
    };

/** Whether it was decided against; a hook that failed has decided nothing. */
export function saysNo(decision: AuthDecision): boolean {
  return !decision.allowed && !decision.broken && !decision.unclear;
}

export interface HookFault {
  readonly problem: string;
  readonly remedy: string;
}

/** The reason if nothing decides: there is no hook, and `api_auth_default = deny`. */
export const NO_HOOK_DENY = "no-hook-deny";

/** Who asked for what. */
type Asked = Omit<Extract<CommonEvent, { event: "auth-pass" }>, "event" | "reason" | "result">;

/** Logs a decision, in the same way on both sides. */
export function logDecision(log: CommonLog, decision: AuthDecision, asked: Asked): void {
  if (decision.allowed) {
    log({ event: "auth-pass", ...asked, reason: decision.reason, result: "pass" });
    return;
  }
  const { broken, fault, reason } = decision;
  const msg = fault && `${fault.problem}; ${fault.remedy}`;
  if (broken) log({ event: "auth-error", ...asked, msg, reason, result: "error" });
  else log({ event: "auth-deny", ...asked, reason, result: "deny" });
}

export function decideHook(outcome: HookOutcome): AuthDecision {
  switch (outcome.kind) {
    case "exited":
      return decideExit(outcome.code);
    case "killed":
      return refuse(`hook killed by ${outcome.signal}`, 1, true);
    case "timed-out":
      return refuse(`hook timed out after ${outcome.seconds}s`, 1, true);
    case "too-long":
      return {
        ...refuse("request too long for the auth hook", 1, true),
        fault: tooLongFault(outcome.variables),
      };
    case "not-executable": {
      const { reason: problem, remedy } = outcome;
      const refused = refuse("hook-not-executable", 1, true);
      return remedy === undefined ? refused : { ...refused, fault: { problem, remedy } };
    }
    case "no-room": {
      const { problem } = outcome.shortage;
      return {
        ...refuse(`the auth hook could not be started: ${problem}`, 1, true),
        fault: outcome.shortage,
      };
    }
    case "not-trusted": {
      const { problem, remedy } = outcome;
      return { ...refuse("hook-not-trusted", 1, true), fault: { problem, remedy } };
    }
  }
}

/** A hook that reads a variable must not mistake its absence for an empty one, so the request is refused. */
function tooLongFault(variables: readonly string[]): HookFault {
  if (variables.length === 0) {
    return {
      problem: "this system does not accept an environment of that length",
      remedy: "ask for less at once, or raise the limit of the stack (ulimit -s)",
    };
  }
  return {
    problem: `${variables.join(" and ")} would be longer than the 128 KiB that a variable may have`,
    remedy: "set auth_hook_json = yes if the hook reads the JSON on standard input",
  };
}

function decideExit(code: number): AuthDecision {
  if (code === 0) return { allowed: true };
  if (code === 1) return refuse("denied", 1, false);
  if (code === 2) return refuse("bad credentials", 2, false);
  if (code === 3) return refuse("insufficient privilege", 3, false);
  return { ...refuse(`hook exited ${code}`, 1, false), unclear: true };
}

function refuse(reason: string, code: 1 | 2 | 3, broken: boolean) {
  return { allowed: false, reason, code, broken } as const;
}
