/** Hints for a call that failed, from what was typed and what is registered. */
import { configArgument } from "../../core/config/controller-config.ts";
import { DEFAULT_AGENT_PORT } from "../../core/net/socket-address.ts";
import type { ResolvedTarget } from "./targets.ts";

/** The port that was typed may be another agent's. */
export function otherPortHint({ name, port, record }: ResolvedTarget): { readonly hint?: string } {
  const registered = record?.port ?? DEFAULT_AGENT_PORT;
  if (record === undefined || port === registered) return {};
  return { hint: `${name} is registered with port ${registered}, and was called on ${port}.` };
}

/**
 * Shown only after the auth hook has agreed: no call is made before (T67).
 * @param file this host's configuration
 */
export function unregisteredHint(
  code: string,
  { name, record, near }: ResolvedTarget,
  file: string,
): string | undefined {
  if (record !== undefined || !["ENOTFOUND", "EAI_AGAIN"].includes(code)) return undefined;
  const next = nearHint(near) ?? `See: ctrl-exec list-agents${configArgument(file)}`;
  return `No host is registered as ${name}. ${next}`;
}

export function nearHint(near: ResolvedTarget["near"]): string | undefined {
  const name = near?.();
  return name === undefined ? undefined : `Did you mean ${name}?`;
}
