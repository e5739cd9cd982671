/** The programs and files that the administrator has named: whether they can be used as they are now. */
import { failed } from "../../../core/check.ts";
import type { ControllerConfig } from "../../../core/config/controller-config.ts";
import { readPrivateText } from "../../../system/files/files.ts";
import { judgeStartable } from "../../../system/process/startable.ts";
import { groupProblems } from "../../groups/groups.ts";
import { noticeProblems } from "../../notices/receivers.ts";
import { joinRuleProblems } from "../../pairing/join-rules.ts";
import type { HostContext } from "../../store/host.ts";
import { type Finding, ofSetting, passed } from "./finding.ts";

export async function programFindings(host: HostContext): Promise<Finding[]> {
  const problems = [
    ...(await groupProblems(host)),
    ...(await joinRuleProblems(host.config)),
    ...(await noticeProblems(host.config)),
  ];
  return [
    ...(["auth_hook", "group_command"] as const).flatMap((key) => checkProgram(host.config, key)),
    ...tokenFindings(host.config),
    ...problems.map(({ folder, problem }) => {
      return { ...failed(folder, problem), misconfigured: true };
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
