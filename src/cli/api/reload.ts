/** What SIGHUP, and ctrl-exec-api reload, do: ctrl-exec.conf and the files that it names are read again. */
import type { ApiServer } from "../../api/server.ts";
import type { Controller } from "../../controller/control-host.ts";
import { groupProblems } from "../../controller/groups/groups.ts";
import { startLooking } from "../../controller/notices/look.ts";
import { noticeProblems } from "../../controller/notices/receivers.ts";
import { joinRuleProblems } from "../../controller/pairing/join-rules.ts";
import { startCheckLoop } from "../../controller/upkeep/check-loop.ts";
import type { ConfigWarning } from "../../core/config/config-file.ts";
import { inOneLine, messageOf } from "../../core/errors.ts";
import { warningLine } from "../command/config-warnings.ts";
import { fixedWarnings } from "../reload-requests.ts";

/** What stays as it is until a restart. */
const FIXED = [
  "api_bind",
  "api_port",
  "metrics_bind",
  "metrics_port",
  "join",
  "hub",
  "hub_bind",
  "hub_port",
  "pairing_bind",
  "pairing_port",
] as const;

/** What goes on beside the requests, with the configuration that is in force. */
export class Loops {
  #checks: ReturnType<typeof startCheckLoop>;
  #looking: ReturnType<typeof startLooking>;

  constructor(controller: Controller) {
    this.#checks = startCheckLoop(controller);
    this.#looking = startLooking(controller);
  }

  restart(controller: Controller): void {
    this.#checks.stop();
    this.#checks = startCheckLoop(controller);
    this.#looking.stop();
    this.#looking = startLooking(controller);
  }

  stop(): void {
    this.#checks.stop();
    this.#looking.stop();
  }
}

/**
 * All or nothing: if a file cannot be used, everything stays as it was.
 *
 * @param first as it was when the API was started
 * @param open reads the files as they are now
 * @returns what was skipped in the files, which is also logged
 * @throws the failure, which is also logged
 */
export async function reload(
  first: Controller,
  open: () => Promise<Controller>,
  server: ApiServer,
  loops: Loops,
): Promise<string[]> {
  const { config, log } = first;
  try {
    const reloaded = await open();
    server.reload(reloaded);
    const fixed = fixedWarnings(FIXED, config, reloaded.config);
    const warnings = [...fixed, ...(await folderWarnings(reloaded))];
    for (const { key, message } of warnings) log({ event: "config-warn", key, msg: message });
    loops.restart(reloaded);
    log({ event: "api-reload" });
    return warnings.map((warning) => warningLine(reloaded.config.file, warning));
  } catch (thrown) {
    log({ event: "reload-fail", error: messageOf(thrown) });
    throw thrown;
  }
}

/** Of the folders beside ctrl-exec.conf: what is wrong there is told before it is needed. */
export async function folderWarnings(host: Controller): Promise<ConfigWarning[]> {
  const found = [
    ...(await groupProblems(host)),
    ...(await joinRuleProblems(host.config)),
    ...(await noticeProblems(host.config)),
  ];
  return found.map(({ folder: key, problem }) => ({ key, message: inOneLine(problem) }));
}
