/** What every mode of the controller needs. */
import type { Caller } from "../../controller/access/authorize.ts";
import { refuseOpenFiles } from "../../controller/access/open-files.ts";
import type { Controller } from "../../controller/control-host.ts";
import { LiveCounts } from "../../controller/metrics/live-counts.ts";
import { LiveNotices } from "../../controller/notices/live-notices.ts";
import { openFileStore } from "../../controller/store/file-store.ts";
import type { HostContext } from "../../controller/store/host.ts";
import type { ConfigWarning, LoadedConfig } from "../../core/config/config-file.ts";
import {
  type ControllerConfig,
  DEFAULT_CONTROLLER_CONFIG,
  parseControllerConfig,
} from "../../core/config/controller-config.ts";
import { beforeEnd } from "../../system/ending.ts";
import { currentUser } from "../../system/process/user.ts";
import { readConfig } from "../command/config-option.ts";
import { tellWarnings } from "../command/config-warnings.ts";
import type { Io } from "../command/io.ts";
import { openChosenLog } from "../command/log-option.ts";
import { portOption } from "../command/numbers.ts";
import { type TokenOptions, tokenOption } from "./token.ts";

interface SettingOptions {
  readonly config: string | undefined;
  readonly log: string | undefined;
  /** Only in modes that call agents. */
  readonly port?: string | undefined;
}

/**
 * Without --config, a missing /etc/ctrl-exec/ctrl-exec.conf means every default; a file that was named must
 * exist.
 *
 * @throws CtrlExecError `config`, or `usage` for an invalid value
 */
export async function openController(options: SettingOptions): Promise<Controller> {
  const agentPort = portOption(options.port);
  const { config, warnings } = await readSetting(options);
  refuseOpenFiles(config);
  tellWarnings(config.file, warnings, options.log);
  const counts = new LiveCounts();
  const notices = new LiveNotices();
  const log = notices.telling(counts.counting(openChosenLog("ctrl-exec", options.log)));
  for (const { key, message } of warnings) log({ event: "config-warn", key, msg: message });
  const context = { config, log, now: () => new Date() };
  const store = openFileStore(context);
  counts.keepIn(store.counts);
  notices.tellFrom({ ...context, store });
  beforeEnd(async () => {
    // It may have a message of its own, which takes precedence.
    await notices.tell();
    await counts.add();
  });
  return { ...context, store, agentPort, dialler: undefined, counts, notices };
}

/**
 * For modes that judge this host's files, which others may be able to change: nothing is counted there. @throws as
 * openController()
 */
export async function openUnjudged(
  options: SettingOptions,
): Promise<{ readonly host: HostContext; readonly warnings: readonly ConfigWarning[] }> {
  const { config, warnings } = await readSetting(options);
  const log = openChosenLog("ctrl-exec", options.log);
  const context = { config, log, now: () => new Date() };
  return { host: { ...context, store: openFileStore(context) }, warnings };
}

async function readSetting(options: SettingOptions): Promise<LoadedConfig<ControllerConfig>> {
  const usual = DEFAULT_CONTROLLER_CONFIG;
  const { file, text } = readConfig({ given: options.config, usual }, "");
  return await parseControllerConfig(file, text);
}

/** The same for modes that ask about runs. @throws CtrlExecError `config` also if this host was never set up */
export async function openRecords(options: SettingOptions): Promise<Controller> {
  const controller = await openController(options);
  const { requireSetUp } = await import("../../controller/trust/credential.ts");
  await requireSetUp(controller);
  return controller;
}

interface CallerOptions extends TokenOptions {
  readonly username: string | undefined;
}

/**
 * The person at the command line. Nobody verifies the name (docs/SECURITY.md, "Whom it trusts").
 * @throws CtrlExecError `usage` for a token that cannot be taken
 */
export async function cliCaller(options: CallerOptions, io: Io): Promise<Caller> {
  return {
    face: "cli",
    username: options.username ?? io.env.USER ?? currentUser().name,
    token: await tokenOption(options, io),
    sourceIp: "127.0.0.1",
  };
}
