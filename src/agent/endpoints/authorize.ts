/** The agent's own auth hook: after the allowlist, before anything runs. */
import { type AuthDecision, decideHook, type HookAction, logDecision } from "../../core/hook.ts";
import { runHook } from "../../system/process/hook-process.ts";
import type { AgentContext } from "./endpoint.ts";

export interface AgentAuthRequest {
  readonly action: HookAction;
  readonly script: string;
  readonly args: readonly string[];
  readonly username: string;
  readonly token: string;
  readonly peerIp: string;
}

/** Without a hook the agent relies on mTLS and the allowlist (docs/SECURITY.md, "Auth hooks"). */
export async function authorize(
  { state, log, now, hub }: AgentContext,
  { action, script, args, username, token, peerIp }: AgentAuthRequest,
): Promise<AuthDecision> {
  const { auth_hook: file, auth_hook_timeout, auth_hook_json } = state.config;
  if (file === undefined) return { allowed: true };
  const hook = { file, timeoutSeconds: auth_hook_timeout, readsJson: auth_hook_json };
  const asked = { action, script, args, username, token, sourceIp: peerIp, hub, time: now() };
  const decision = decideHook(await runHook(hook, asked));
  logDecision(log, decision, { authaction: action, hook: file, ip: peerIp, user: username });
  return decision;
}
