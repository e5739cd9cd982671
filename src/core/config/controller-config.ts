/** Every key of ctrl-exec.conf. */
import { dirname, join } from "node:path";
import * as z from "zod/mini";
import { DEFAULT_HUB_PORT } from "../net/hub-address.ts";
import { DEFAULT_MAX_REPLY } from "../output-bounds.ts";
import { shellWord } from "../shell-word.ts";
import {
  absolutePath,
  bindAddress,
  byteSize,
  flag,
  hostNames,
  hubAddresses,
  keyType,
  oneOf,
  optional,
  port,
  releaseKey,
  seconds,
  wholeNumber,
  withDefault,
} from "./config-fields.ts";
import { type ConfigSchema, type LoadedConfig, parseConfig } from "./config-file.ts";

export const DEFAULT_CONTROLLER_CONFIG = "/etc/ctrl-exec/ctrl-exec.conf";

/** Agents call this one if they are not told another. */
const DEFAULT_PAIRING_PORT = 7444;

const TEN_YEARS_SECONDS = 315_360_000;

const shape = z.object({
  cert: optional(absolutePath),
  key: optional(absolutePath),
  ca: optional(absolutePath),
  ca_dir: optional(absolutePath),
  state_dir: withDefault(absolutePath, "/var/lib/ctrl-exec"),
  key_type: withDefault(keyType, "ec"),
  verify_agent_identity: withDefault(oneOf("registry", "strict", "ca"), "registry"),
  read_timeout: withDefault(seconds, 60),
  connect_timeout: withDefault(seconds, 10),
  keepalive: withDefault(wholeNumber(0, 300), 5),
  max_parallel: withDefault(wholeNumber(1, 4096), 64),
  max_hosts: withDefault(wholeNumber(1, 100_000), 500),
  group_command: optional(absolutePath),
  group_command_timeout: withDefault(wholeNumber(1, 300), 10),
  group_command_cache: withDefault(wholeNumber(1, 86_400), 60),
  agent_tags: withDefault(oneOf("use", "ignore"), "use"),
  max_reply: withDefault(byteSize, DEFAULT_MAX_REPLY),
  max_replies: withDefault(byteSize, 2 ** 30),
  auth_hook: optional(absolutePath),
  auth_hook_timeout: withDefault(seconds, 10),
  auth_hook_json: withDefault(flag, false),
  join: withDefault(flag, false),
  pairing_port: withDefault(port, DEFAULT_PAIRING_PORT),
  pairing_bind: withDefault(bindAddress, "::"),
  pairing_max_queue: withDefault(wholeNumber(1, 10_000), 10),
  lock_notice_after: withDefault(seconds, 3600),
  cert_days: withDefault(wholeNumber(1, 3650), 365),
  cert_renewal_days: withDefault(wholeNumber(1, 3650), 90),
  cert_overlap_days: withDefault(wholeNumber(1, 3650), 30),
  cert_check_interval: withDefault(seconds, 14_400),
  cert_backdate: withDefault(wholeNumber(1, TEN_YEARS_SECONDS), 3_600),
  api_port: withDefault(port, 7445),
  api_bind: withDefault(bindAddress, "127.0.0.1"),
  api_hosts: optional(hostNames),
  api_cert: optional(absolutePath),
  api_key: optional(absolutePath),
  api_admin: withDefault(flag, false),
  api_auth_default: withDefault(oneOf("deny", "allow"), "deny"),
  api_max_requests: withDefault(wholeNumber(1, 10_000), 64),
  metrics_bind: optional(bindAddress),
  metrics_port: withDefault(port, 7448),
  metrics_token_file: optional(absolutePath),
  hub: withDefault(flag, false),
  hub_bind: withDefault(bindAddress, "::"),
  hub_port: withDefault(port, DEFAULT_HUB_PORT),
  hub_cert: optional(absolutePath),
  hub_key: optional(absolutePath),
  hubs: optional(hubAddresses),
  reach: withDefault(oneOf("direct", "hub"), "direct"),
  release_key: optional(releaseKey),
  run_retention: withDefault(seconds, 86_400),
  run_records_max: withDefault(byteSize, 4 * 2 ** 30),
});

const schema: ConfigSchema<typeof shape> = {
  shape,
  openSections: [],
  aliases: { timeout: "read_timeout", max_records: "run_records_max" },
  removed: {},
};

type Settings = z.output<typeof shape>;

export type ControllerKey = keyof Settings;

/** The settings with every path filled in. Times are seconds. */
export type ControllerConfig = Settings & {
  /** The file it was read from; files without a path of their own are in its folder. */
  readonly file: string;
  readonly ca_dir: string;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly hub_cert: string;
  readonly hub_key: string;
};

/** @param text the file's content; an empty text means every default */
export async function parseControllerConfig(
  file: string,
  text: string,
): Promise<LoadedConfig<ControllerConfig>> {
  const { config, warnings } = await parseConfig(file, text, schema);
  const caDir = config.ca_dir ?? dirname(file);
  return {
    config: {
      ...config,
      file,
      ca_dir: caDir,
      cert: config.cert ?? join(caDir, "ctrl-exec.crt"),
      key: config.key ?? join(caDir, "ctrl-exec.key"),
      ca: config.ca ?? join(caDir, "ca.crt"),
      hub_cert: config.hub_cert ?? join(caDir, "hub.crt"),
      hub_key: config.hub_key ?? join(caDir, "hub.key"),
    },
    warnings,
  };
}

/** What a person is told to run elsewhere depends on these. */
export type OwnSetting = Pick<ControllerConfig, "file" | "pairing_port">;

/**
 * The option that makes another command use the same file: ` --config <file>`, or nothing for the usual one.
 */
export function configArgument(file: string): string {
  return file === DEFAULT_CONTROLLER_CONFIG ? "" : ` --config ${shellWord(file)}`;
}

/** What is run on a host that is to be paired with this control host. */
export function pairingCommand(own: OwnSetting): string {
  return `ctrl-exec-agent request-pairing --dispatcher <this host>${pairingPortOption(own)}`;
}

/** ` --port <n>`, or nothing for the usual one. With 0, pairing-mode says which port it has. */
export function pairingPortOption({ pairing_port: port }: OwnSetting): string {
  return port === DEFAULT_PAIRING_PORT ? "" : ` --port ${port === 0 ? "<port>" : port}`;
}
