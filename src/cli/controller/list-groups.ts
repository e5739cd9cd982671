import { dirname, join } from "node:path";
import { noSuchGroup } from "../../controller/access/chosen-hosts.ts";
import type { Controller } from "../../controller/control-host.ts";
import type { GroupDefinition } from "../../controller/groups/definition.ts";
import type { Groups } from "../../controller/groups/group-files.ts";
import { allGroups } from "../../controller/groups/groups.ts";
import { shownNames } from "../../controller/groups/impossible-names.ts";
import { groupsWithHosts } from "../../controller/groups/list-groups.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { readGroupName, typedGroup } from "../../core/hosts/group-name.ts";
import { screenLine } from "../../core/text.ts";
import { defineVerb } from "../command/command.ts";
import { groupTable } from "../render/group-list.ts";
import { writeJson } from "../render/json.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { renderProblem } from "./problem-text.ts";
import { openController } from "./setting.ts";

export const listGroups = defineVerb({
  positionals: "[<group>...]",
  arity: [0, 10_000],
  options: { ...commonOptions, json: controllerOptions.json, wide: controllerOptions.wide },
  details: [
    "Lists the groups that an expression can name as @@<group>: those of the files",
    "in groups.d beside ctrl-exec.conf, and those that group_command prints. With",
    "names, only these. FROM is the file, or group_command. A ? after COUNT says that",
    "the group cannot be used; a line below the table says why. --wide shows every",
    "host, in one line.",
    "",
    "Exit status: 0 when every group can be used, 1 when one cannot, 78 when a file",
    "cannot be read.",
  ].join("\n"),
  examples: ["ctrl-exec list-groups", "ctrl-exec list-groups frontends --json"],
  async run({ options, positionals, io }) {
    if (options.json && options.wide) {
      throw new CtrlExecError(
        "usage",
        "--wide and --json cannot be used together: --json has every host",
      );
    }
    const controller = await openController(options);
    const { groups, problem } = await allGroups(controller);
    const wanted =
      positionals.length === 0
        ? [...groups.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
        : await groupsNamed(controller, groups, positionals, problem);
    const shown = await groupsWithHosts(controller, groups, wanted);
    if (options.json) {
      writeJson(
        io,
        shown.map((group) => ({ ...group, count: group.hosts.length })),
      );
    } else {
      const { text, isCut } = groupTable(shown, options.wide ? undefined : io.columns);
      io.out(text);
      if (isCut) io.err("Not every host is shown; --wide and --json show them.\n");
      if (shown.length === 0 && problem === undefined) {
        const file = join(dirname(controller.config.file), "groups.d", "fleet.toml");
        io.err(`There are no groups. To make one, write into ${file}:\n`);
        io.err('[frontends]\nhosts = ["web-[01-20]"]\n');
      }
    }
    for (const { name, problem: why, impossible } of shown) {
      if (why !== undefined) io.err(`${why}\n`);
      if (impossible === undefined) continue;
      io.err(
        screenLine`${typedGroup(name)} is without names that no host can have: ${shownNames(impossible)}\n`,
      );
    }
    if (problem !== undefined) renderProblem(io, problem);
    return problem === undefined && shown.every((group) => group.problem === undefined) ? 0 : 1;
  },
});

/** @throws CtrlExecError `bad-request`, or why the groups of group_command are not known */
async function groupsNamed(
  controller: Controller,
  groups: Groups,
  typed: readonly string[],
  problem: CtrlExecError | undefined,
): Promise<GroupDefinition[]> {
  const found: GroupDefinition[] = [];
  for (const text of typed) {
    const name = text.startsWith("@@") ? (readGroupName(text, 2)?.name ?? text) : text;
    const group = groups.get(name);
    if (group === undefined) throw problem ?? (await noSuchGroup(controller, name));
    found.push(group);
  }
  return [...new Set(found)];
}
