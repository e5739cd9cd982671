import { knownGroupNames } from "../../controller/groups/groups.ts";
import { fleetWords, hostsAtHand, scriptsAtHand } from "../../controller/inventory/fleet-words.ts";
import { listRequests } from "../../controller/pairing/queue.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { typedGroup } from "../../core/hosts/group-name.ts";
import { defineVerb } from "../command/command.ts";
import { completedHosts, unquoted } from "./completed-hosts.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { openController } from "./setting.ts";

export const complete = defineVerb({
  positionals: "<kind> [<host>...]",
  arity: [1, 100_001],
  options: { word: controllerOptions.word, ...commonOptions },
  details: [
    "For the shells' completions: hosts, and what else an expression may go on with;",
    "groups as far as they are known; scripts that the hosts have, as far as they",
    "have told or run them; pairing requests that wait; assets. Nobody is asked.",
    "--word is what was typed of the word itself.",
  ].join("\n"),
  examples: ["ctrl-exec complete hosts", "ctrl-exec complete scripts web-01"],
  async run({ options, positionals, io }) {
    const [kind = "", ...hosts] = positionals;
    const { word } = options;
    for (const found of await words(kind, hosts, options)) {
      // A host is completed as part of an expression, which was typed with or without a quote.
      if (kind === "hosts" || word === undefined || found.startsWith(word)) io.out(`${found}\n`);
    }
    return 0;
  },
});

async function words(
  kind: string,
  hosts: readonly string[],
  options: Parameters<typeof openController>[0] & { readonly word: string | undefined },
): Promise<readonly string[]> {
  if (kind === "assets") return Object.keys((await import("./assets.ts")).ASSETS);
  const controller = await openController(options);
  const groups = async () => {
    const typed = (await knownGroupNames(controller)).map(typedGroup);
    return typed.filter((word) => !word.includes('"'));
  };
  switch (kind) {
    case "hosts":
      return await completedHosts(options.word ?? "", {
        names: () => controller.store.registry.names(),
        groups,
        facts: () => fleetWords(controller).catch(() => ({ tags: new Map(), versions: new Set() })),
      });
    case "groups":
      return await groups();
    case "scripts": {
      const chosen = await hostsAtHand(controller, hosts.map(unquoted));
      return await scriptsAtHand(controller, chosen);
    }
    case "requests":
      return (await listRequests(controller)).map(({ id }) => id);
    default:
      throw new CtrlExecError("usage", `Cannot complete "${kind}": no such kind`);
  }
}
