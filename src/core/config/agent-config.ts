/** Every key of agent.conf. */

import { dirname, join } from "node:path";
import * as z from "zod/mini";
import { CtrlExecError } from "../errors.ts";
import { DEFAULT_MAX_OUTPUT } from "../output-bounds.ts";
import { shellWord } from "../shell-word.ts";
import { parseRateLimit, type RateLimit } from "../units.ts";
import {
  absolutePath,
  bindAddress,
  byteSize,
  commaList,
  flag,
  hubAddresses,
  keyType,
  loopbackAddress,
  optional,
  pathList,
  port,
  rateLimit,
  releaseKey,
  seconds,
  wholeNumber,
  withDefault,
} from "./config-fields.ts";
import { type ConfigSchema, type LoadedConfig, parseConfig } from "./config-file.ts";

export const DEFAULT_AGENT_CONFIG = "/etc/ctrl-exec-agent/agent.conf";

/** Tells update-ctrl-exec-serial the path of its agent's agent.conf. */
export const AGENT_CONFIG_VARIABLE = "CTRL_EXEC_AGENT_CONFIG";

const shape = z.object({
  port: withDefault(port, 7443),
  bind: withDefault(bindAddress, "::"),
  listen: withDefault(flag, true),
  connect: optional(hubAddresses),
  cert: optional(absolutePath),
  key: optional(absolutePath),
  ca: optional(absolutePath),
  key_type: withDefault(keyType, "ec"),
  revoked_serials: optional(absolutePath),
  dispatcher_serial_path: optional(absolutePath),
  script_dirs: optional(pathList),
  auth_hook: optional(absolutePath),
  auth_hook_timeout: withDefault(seconds, 10),
  auth_hook_json: withDefault(flag, false),
  stdin_timeout: withDefault(seconds, 10),
  max_output: withDefault(byteSize, DEFAULT_MAX_OUTPUT),
  run_spool: withDefault(byteSize, 2 ** 30),
  run_retention: withDefault(seconds, 86_400),
  max_connections: withDefault(wholeNumber(1, 65_535), 256),
  metrics_bind: optional(loopbackAddress),
  metrics_port: withDefault(port, 7447),
  allow_upgrade: withDefault(flag, false),
  allow_downgrade: withDefault(flag, false),
  release_key: optional(releaseKey),
  upgrade_timeout: withDefault(seconds, 60),
  upgrade_restart: optional(absolutePath),
  upgrade_state: withDefault(absolutePath, "/var/lib/ctrl-exec-upgrade"),
  pairing_port: withDefault(wholeNumber(1, 65_535), 7444),
  pairing_max_queue: withDefault(wholeNumber(1, 10_000), 10),
  allowed_ips: optional(commaList),
  rate_limit_volume: withDefault(rateLimit, limit("10/60/300")),
  rate_limit_probe: withDefault(rateLimit, limit("3/600/3600")),
  rate_limit_disable: withDefault(flag, false),
  // The file's reader has turned it into text; z.record would drop a tag named __proto__.
  tags: withDefault(z.custom<Readonly<Record<string, string>>>(), {}),
});

function limit(text: string): RateLimit {
  return parseRateLimit(text) ?? { limit: 1, window: 1, block: 1 };
}

const schema: ConfigSchema<typeof shape> = {
  shape,
  openSections: ["tags"],
  aliases: {},
  removed: {
    dispatcher_cn: "the controller is known by the serial in dispatcher_serial_path",
    rate_limit_trusted: "connections that show the controller's serial do not count",
  },
};

type Settings = z.output<typeof shape>;

export type AgentKey = keyof Settings;

/** The settings with every path filled in. Times are seconds. */
export type AgentConfig = Settings & {
  /** The file it was read from; files without a path of their own are in its folder. */
  readonly file: string;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly revoked_serials: string;
  /** agent.conf has this key, so the file must exist (docs/CONFIGURATION.md, `revoked_serials`). */
  readonly namesRevocationFile: boolean;
  readonly dispatcher_serial_path: string;
};

/** The option that makes another mode use the same file: ` --config <file>`, or nothing for the usual one. */
export function agentConfigArgument(file: string): string {
  return file === DEFAULT_AGENT_CONFIG ? "" : ` --config ${shellWord(file)}`;
}

/** How to pair the agent with this configuration. */
export function pairingStep({ file }: Pick<AgentConfig, "file">): string {
  return `ctrl-exec-agent request-pairing --dispatcher <control-host>${agentConfigArgument(file)}`;
}

/** @param text the file's content; an empty text means every default */
export async function parseAgentConfig(
  file: string,
  text: string,
): Promise<LoadedConfig<AgentConfig>> {
  const { config, warnings } = await parseConfig(file, text, schema);
  if (!config.listen && (config.connect ?? []).length === 0) {
    throw new CtrlExecError("config", `Cannot use ${file}: listen = no, and connect names no hub`, {
      hint: "Nobody could reach this agent. Name a hub in connect, or set listen = yes.",
    });
  }
  const folder = dirname(file);
  return {
    config: {
      ...config,
      file,
      cert: config.cert ?? join(folder, "agent.crt"),
      key: config.key ?? join(folder, "agent.key"),
      ca: config.ca ?? join(folder, "ca.crt"),
      revoked_serials: config.revoked_serials ?? join(folder, "revoked-serials"),
      namesRevocationFile: config.revoked_serials !== undefined,
      dispatcher_serial_path: config.dispatcher_serial_path ?? join(folder, "ctrl-exec-serial"),
    },
    warnings,
  };
}
