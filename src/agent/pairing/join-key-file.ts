/**
 * Key and nonce of a join that is under way, beside the agent's key as `.join`: if this host goes down before the
 * answer is stored, the next attempt is the same join, and counts once (T10, T31).
 */
import * as z from "zod/mini";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { readJsonAs } from "../../core/json.ts";
import {
  readPrivateText,
  readTextIfPresent,
  removeIfPresent,
  writeWhole,
} from "../../system/files/files.ts";

const shape = z.object({
  token: z.string(),
  hostname: z.string(),
  nonce: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
  key: z.string(),
});
type JoinUnderWay = z.infer<typeof shape>;

/**
 * The join that was begun with this token under this name, or a new one, which is stored first.
 *
 * @param token its id
 * @throws CtrlExecError `storage` or `config`
 */
export async function beginJoin(
  config: AgentConfig,
  token: string,
  hostname: string,
  makeKey: () => Promise<string>,
): Promise<Pick<JoinUnderWay, "nonce" | "key">> {
  const file = fileOf(config);
  const begun =
    readTextIfPresent(file) === undefined ? undefined : readJsonAs(shape, readPrivateText(file));
  if (begun?.token === token && begun.hostname === hostname) return begun;
  const nonce = crypto.getRandomValues(new Uint8Array(16)).toHex();
  const made = { token, hostname, nonce, key: await makeKey() };
  writeWhole(file, `${JSON.stringify(made)}\n`, 0o600);
  return made;
}

export function forgetJoin(config: AgentConfig): void {
  removeIfPresent(fileOf(config));
}

function fileOf({ key }: AgentConfig): string {
  return `${key}.join`;
}
