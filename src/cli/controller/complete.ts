import type { Controller } from "../../controller/control-host.ts";
import { knownGroupNames } from "../../controller/groups/groups.ts";
import { fleetWords, hostsAtHand, scriptsAtHand } from "../../controller/inventory/fleet-words.ts";
import { listRequests } from "../../controller/pairing/queue.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { typedGroup } from "../../core/hosts/group-name.ts";
import { defineVerb } from "../command/command.ts";
import { completedHosts, unquoted } from "./completed-hosts.ts";
import { completedBound, completedTag } from "./completed-tags.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { openController } from "./setting.ts";

export const complete = defineVerb({
  positionals: "<kind> [<host>...]",
  arity: [1, 100_001],
  options: { word: controllerOptions.word, ...commonOptions },
  details: [
    "For shell completion: hosts, and other ways to continue an expression; groups as",
    "far as they are known; scripts that the hosts have reported or run; the newest",
    "runs; tags; pairing requests that wait; assets. No host is asked.",
    "--word is what was typed of the word itself.",
  ].join("\n"),
  examples: ["ctrl-exec complete hosts", "ctrl-exec complete scripts web-01"],
  async run({ options, positionals, io }) {
    const [kind = "", ...hosts] = positionals;
    const { word } = options;
    const typed = unquoted(word ?? "");
    for (const found of await words(kind, hosts, options)) {
      if (found.startsWith(typed)) io.out(`${found}\n`);
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
  const { word = "" } = options;
  const facts = () =>
    fleetWords(controller).catch(() => ({ tags: new Map(), versions: new Set<string>() }));
  const expressions = () =>
    completedHosts(word, { names: () => controller.store.registry.names(), groups, facts });
  switch (kind) {
    case "hosts":
      return await expressions();
    case "runs":
      return hosts.length === 0 ? await newestRuns(controller) : [];
    case "run-hosts":
      return hosts.length === 0 ? await newestRuns(controller) : await expressions();
    case "tags":
      return hosts.length === 0 ? await expressions() : completedTag(word, await facts());
    case "tag-bounds":
      return completedBound(word, await facts());
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

/** As many as a person may mean, and a screen shows. */
const NEWEST = 50;

async function newestRuns({ store }: Controller): Promise<readonly string[]> {
  const { runs } = await store.runs.list({ limit: NEWEST });
  return runs.map(({ reqid }) => reqid);
}
