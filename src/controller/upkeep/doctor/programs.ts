/** The programs and files that the administrator has named: whether they can be used as they are now. */
import type { ControllerConfig } from "../../../core/config/controller-config.ts";
import { readPrivateText } from "../../../system/files/files.ts";
import { judgeStartable } from "../../../system/process/startable.ts";
import { groupWarnings } from "../../groups/groups.ts";
import { noticeWarnings } from "../../notices/receivers.ts";
import { joinRuleWarnings } from "../../pairing/join-rules.ts";
import type { HostContext } from "../../store/host.ts";
import { type Finding, ofSetting, passed } from "./finding.ts";

export async function programFindings(host: HostContext): Promise<Finding[]> {
  const warnings = [
    ...(await groupWarnings(host)),
    ...(await joinRuleWarnings(host.config)),
    ...(await noticeWarnings(host.config)),
  ];
  return [
    ...(["auth_hook", "group_command"] as const).flatMap((key) => checkProgram(host.config, key)),
    ...tokenFindings(host.config),
    ...warnings.map(({ key, message }) => {
      return { name: key, ok: false, detail: message, misconfigured: true };
    }),
  ];
}

/** Anyone who can read it can read the metrics. */
function tokenFindings({ metrics_token_file: file }: ControllerConfig): Finding[] {
  if (file === undefined) return [];
  return [
    ofSetting("metrics_token_file", () => {
      readPrivateText(file);
      return passed("metrics_token_file", file);
    }),
  ];
}

function checkProgram(
  config: ControllerConfig,
  name: "auth_hook" | "group_command",
): readonly Finding[] {
  const program = config[name];
  if (program === undefined) return [];
  const judged = judgeStartable(program);
  if (judged.kind === "good") return [passed(name, program)];
  const { problem: detail, remedy } = judged;
  return [{ name, ok: false, detail, remedy, misconfigured: true }];
}
