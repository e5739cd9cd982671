import { knownGroupNames } from "../../controller/groups/groups.ts";
import { listRequests } from "../../controller/pairing/queue.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { typedGroup } from "../../core/hosts/group-name.ts";
import { defineVerb } from "../command/command.ts";
import { commonOptions } from "./options.ts";
import { openController } from "./setting.ts";

export const complete = defineVerb({
  positionals: "<hosts|groups|scripts|requests|assets> [<host>...]",
  arity: [1, 100_001],
  options: commonOptions,
  details: [
    "For the shells' completions: registered hosts, groups as far as they are known,",
    "scripts last run on the hosts, pairing requests that wait.",
  ].join("\n"),
  examples: ["ctrl-exec complete hosts", "ctrl-exec complete scripts web-01"],
  async run({ options, positionals, io }) {
    const [kind = "", ...hosts] = positionals;
    for (const word of await words(kind, hosts, options)) io.out(`${word}\n`);
    return 0;
  },
});

async function words(
  kind: string,
  hosts: readonly string[],
  options: Parameters<typeof openController>[0],
): Promise<readonly string[]> {
  if (kind === "assets") return Object.keys((await import("./assets.ts")).ASSETS);
  const controller = await openController(options);
  switch (kind) {
    case "hosts":
      return [...(await controller.store.registry.read()).agents.keys()].sort();
    case "groups":
      return (await knownGroupNames(controller))
        .map(typedGroup)
        .filter((word) => !/["\s]/.test(word));
    case "scripts":
      return await controller.store.runs.scriptsSeen(hosts);
    case "requests":
      return (await listRequests(controller)).map(({ id }) => id);
    default:
      throw new CtrlExecError("usage", `Cannot complete "${kind}": no such kind`);
  }
}
