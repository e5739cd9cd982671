/** Every key of ctrl-exec.conf. */
import { dirname, join } from "node:path";
import { z } from "zod";
import {
  absolutePath,
  bindAddress,
  keyType,
  oneOf,
  port,
  seconds,
  wholeNumber,
} from "./config-fields.ts";
import { type ConfigSchema, type LoadedConfig, parseConfig } from "./config-file.ts";

export const DEFAULT_CONTROLLER_CONFIG = "/etc/ctrl-exec/ctrl-exec.conf";

const shape = z.object({
  cert: absolutePath.optional(),
  key: absolutePath.optional(),
  ca: absolutePath.optional(),
  ca_dir: absolutePath.optional(),
  state_dir: absolutePath.default("/var/lib/ctrl-exec"),
  key_type: keyType.default("ec"),
  verify_agent_identity: oneOf("registry", "strict", "ca").default("registry"),
  read_timeout: seconds().default(60),
  connect_timeout: seconds().default(10),
  max_parallel: wholeNumber(1, 4096).default(64),
  max_hosts: wholeNumber(1, 100_000).default(500),
  auth_hook: absolutePath.optional(),
  auth_hook_timeout: seconds().default(10),
  pairing_port: port.default(7444),
  pairing_bind: bindAddress.default("::"),
  pairing_max_queue: wholeNumber(1, 10_000).default(10),
  cert_days: wholeNumber(1, 3650).default(365),
  cert_renewal_days: wholeNumber(1, 3650).default(90),
  cert_overlap_days: wholeNumber(1, 3650).default(30),
  cert_check_interval: seconds().default(14_400),
  api_port: port.default(7445),
  api_bind: bindAddress.default("127.0.0.1"),
  api_cert: absolutePath.optional(),
  api_key: absolutePath.optional(),
  api_auth_default: oneOf("deny", "allow").default("deny"),
});

const schema: ConfigSchema<typeof shape> = {
  shape,
  openSections: [],
  aliases: { timeout: "read_timeout" },
  removed: {},
};

type Settings = z.output<typeof shape>;

/** The settings with every path filled in. Times are seconds. */
export type ControllerConfig = Settings & {
  /** The file it came from; what has no path of its own stands in its folder. */
  readonly file: string;
  readonly ca_dir: string;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
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
    },
    warnings,
  };
}
