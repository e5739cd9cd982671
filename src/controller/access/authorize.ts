/** Authorises each request once, for the command line and the API, before anything is dialled. */
import { DeniedError } from "../../core/errors.ts";
import {
  type AuthDecision,
  decideHook,
  type HookAction,
  type HookFault,
  logDecision,
  NO_HOOK_DENY,
  saysNo,
} from "../../core/hook.ts";
import { forOneLine } from "../../core/text.ts";
import { runHook } from "../../system/process/hook-process.ts";
import type { HostContext } from "../store/host.ts";

/** Who asks, and whether through the command line or the API. */
export interface Caller {
  readonly face: "cli" | "api";
  readonly username: string;
  readonly token: string;
  readonly sourceIp: string;
  /** Set by the API: the route, for the hook, and the request's id, for the log and as a run's id. */
  readonly route?: string;
  readonly requestId?: string;
  /** Set by the API when a web page asks: the page's origin. */
  readonly origin?: string | undefined;
  /** Set by the API when a request's Host is not this API's: that name. */
  readonly foreignHost?: string | undefined;
}

type Refusal = Extract<AuthDecision, { allowed: false }>;

export interface AuthRequest {
  readonly action: HookAction;
  readonly script: string;
  /** By their canonical names: see hostOf() of targets.ts. */
  readonly hosts: readonly string[];
  readonly args: readonly string[];
  /** The run that the request is about, and who submitted it. */
  readonly reqid?: string;
  readonly submitter?: string;
}

/** @throws DeniedError with the hook's reason */
export async function authorize(
  controller: HostContext,
  caller: Caller,
  request: AuthRequest,
): Promise<void> {
  conclude(controller, caller, request, await decide(controller, caller, request));
}

/** Logs the decision. @throws DeniedError with the hook's reason */
export function conclude(
  controller: HostContext,
  caller: Caller,
  request: AuthRequest,
  decision: AuthDecision,
): void {
  note(controller, caller, request, decision);
  if (!decision.allowed) throw refusal(controller, caller, decision);
}

/**
 * For one of many things that a caller, who has been authorised, may or may not see. The caller has not tried to get
 * what is hidden, so it is not logged.
 *
 * @throws DeniedError if the hook gave no decision
 */
export async function maySee(
  controller: HostContext,
  caller: Caller,
  request: AuthRequest,
): Promise<boolean> {
  const decision = await decide(controller, caller, request);
  if (saysNo(decision)) return false;
  if (!decision.allowed) conclude(controller, caller, request, decision);
  return true;
}

/** Logs a decision. */
export function note(
  { config, log }: HostContext,
  caller: Caller,
  request: AuthRequest,
  decision: AuthDecision,
): void {
  logDecision(log, decision, {
    authaction: request.action,
    hook: config.auth_hook,
    host: caller.foreignHost,
    ip: caller.sourceIp,
    origin: caller.origin,
    reqid: caller.requestId,
    user: caller.username,
  });
}

function refusal({ config }: HostContext, caller: Caller, decision: Refusal): DeniedError {
  const { reason, code, broken, fault } = decision;
  const hint = broken ? brokenHint(config.auth_hook, fault) : stepFor(caller, decision);
  return new DeniedError(reason, code, hint);
}

/** Asks; nothing is logged or refused yet. */
export async function decide(
  { config, now }: HostContext,
  caller: Caller,
  request: AuthRequest,
): Promise<AuthDecision> {
  if (caller.origin !== undefined) return FROM_A_PAGE;
  if (caller.foreignHost !== undefined) return FOREIGN_HOST;
  if (config.auth_hook === undefined) return withoutHook(caller, config.api_auth_default);
  const { face: via, username, token, sourceIp, route } = caller;
  const hook = {
    file: config.auth_hook,
    timeoutSeconds: config.auth_hook_timeout,
    readsJson: config.auth_hook_json,
  };
  const asked = { ...request, username, token, sourceIp, via, route, time: now() };
  return decideHook(await runHook(hook, asked));
}

/** Whether the caller is refused whatever is asked for, so that nothing need be looked up or started. */
export function isRefusedAnyway({ config }: HostContext, caller: Caller): boolean {
  if (caller.origin !== undefined || caller.foreignHost !== undefined) return true;
  return config.auth_hook === undefined && !withoutHook(caller, config.api_auth_default).allowed;
}

/**
 * A page in a browser may not do what the API lets the browser's host or network do: with a name that was made to
 * point here, a foreign page could send requests and read the answers (T25).
 */
const FROM_A_PAGE: AuthDecision = {
  allowed: false,
  reason: "not for web pages",
  code: 1,
  broken: false,
};

/** A name that was made to point here, or the name of a proxy that is missing in `api_hosts`. */
const FOREIGN_HOST: AuthDecision = {
  allowed: false,
  reason: "this Host is not in api_hosts",
  code: 1,
  broken: false,
};

/** The hook has accepted the credentials, but not for what was asked. */
const INSUFFICIENT = 3;

function brokenHint(hook: string | undefined, fault: HookFault | undefined): string {
  const rule = `The auth hook ${hook} gave no decision, so the request is refused.`;
  return fault === undefined ? rule : `${fault.problem}: ${fault.remedy}\n${rule}`;
}

function stepFor(caller: Caller, { reason, code }: Refusal): string | undefined {
  return reason === NO_HOOK_DENY
    ? "ctrl-exec.conf has no auth_hook, and api_auth_default is deny: set one of the two."
    : askedFor(caller, code);
}

/** Under sudo the name is root's unless the caller gives one, and a hook refuses alice's token for root. */
function askedFor(
  { face, username, token }: Caller,
  code: DeniedError["hookCode"],
): string | undefined {
  if (face !== "cli") return undefined;
  const whom = username === "" ? "no user" : `user ${forOneLine(username)}`;
  if (code === INSUFFICIENT && token !== "") {
    return `The auth hook was asked for ${whom}: it accepts the token, but not for this.`;
  }
  return token === ""
    ? `The auth hook was asked for ${whom}, without a token; --token-file gives one, --username another name.`
    : `The auth hook was asked for ${whom}; --username names another.`;
}

/** docs/PROTOCOL.md, section 3: with no hook the command line passes and the API follows its default. */
function withoutHook(caller: Caller, apiDefault: "deny" | "allow"): AuthDecision {
  if (caller.face === "cli") return { allowed: true, reason: "no-hook-cli" };
  if (apiDefault === "allow") return { allowed: true, reason: "no-hook-allow" };
  return { allowed: false, reason: NO_HOOK_DENY, code: 1, broken: false };
}
