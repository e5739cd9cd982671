/** The agent's own auth hook: after the allowlist, before anything runs. */
import { type AuthDecision, decideHook, faultText, type HookAction } from "../core/hook.ts";
import { runHook } from "../system/hook-process.ts";
import { ownRule } from "../system/trusted-path.ts";
import type { AgentContext } from "./endpoint.ts";

export interface AgentAuthRequest {
  readonly action: HookAction;
  readonly script: string;
  readonly args: readonly string[];
  readonly username: string;
  readonly token: string;
  readonly peerIp: string;
}

/** Without a hook the agent relies on mTLS and the allowlist (manual, "Auth hook (agent-side)"). */
export async function authorize(
  { state, log, now }: AgentContext,
  request: AgentAuthRequest,
): Promise<AuthDecision> {
  const hook = state.config.auth_hook;
  if (hook === undefined) return { allowed: true };
  const outcome = await runHook(
    hook,
    {
      action: request.action,
      script: request.script,
      args: request.args,
      username: request.username,
      token: request.token,
      sourceIp: request.peerIp,
      time: now(),
    },
    state.config.auth_hook_timeout,
    ownRule(),
  );
  const decision = decideHook(outcome);
  const broken = !decision.allowed && decision.broken;
  log(decision.allowed ? "info" : broken ? "err" : "warning", "auth", {
    AUTHACTION: request.action,
    HOOK: hook,
    IP: request.peerIp,
    MSG: faultText(decision),
    REASON: decision.allowed ? undefined : decision.reason,
    RESULT: decision.allowed ? "pass" : broken ? "error" : "deny",
    USER: request.username,
  });
  return decision;
}
