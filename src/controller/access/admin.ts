/**
 * Changes to whom this control host trusts. The command line may make them, like anyone who can write its files; the
 * API only if `api_admin` allows it and a hook decides: never by `api_auth_default` alone, which applies to everyone.
 */
import type { HostContext } from "../store/host.ts";
import { type AuthRequest, authorize, type Caller, conclude } from "./authorize.ts";

export type AdminRequest = Pick<AuthRequest, "args"> & {
  readonly action: "token-create" | "token-list" | "token-revoke";
};

/** @throws DeniedError; the hook is not asked about what is closed to everyone */
export async function authorizeAdmin(
  controller: HostContext,
  caller: Caller,
  { action, args }: AdminRequest,
): Promise<void> {
  const request = { action, script: "", hosts: [], args };
  const closed = closedBy(controller);
  if (closed === undefined) return await authorize(controller, caller, request);
  const decision = { allowed: false, reason: closed, code: 1, broken: false } as const;
  conclude(controller, caller, request, decision);
}

function closedBy({ config }: HostContext): string | undefined {
  if (!config.api_admin) return "api_admin is not set";
  return config.auth_hook === undefined ? "api_admin needs an auth_hook" : undefined;
}
