import { knownGroupNames } from "../../controller/groups/groups.ts";
import { fleetWords, hostsAtHand, scriptsAtHand } from "../../controller/inventory/fleet-words.ts";
import { listRequests } from "../../controller/pairing/queue.ts";
import { type RunPurpose, runsAtHand } from "../../controller/runs/runs-at-hand.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { typedGroup } from "../../core/hosts/group-name.ts";
import { defineVerb } from "../command/command.ts";
import { completedHosts, unquoted } from "./completed-hosts.ts";
import { completedBound, completedTag } from "./completed-tags.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { openController } from "./setting.ts";

/** The kinds that are ids of runs, by what they are for. */
const PURPOSES: ReadonlyMap<string, RunPurpose> = new Map([
  ["runs", "any"],
  ["runs-to-pause", "pause"],
  ["runs-to-continue", "continue"],
  ["runs-to-resume", "resume"],
]);

export const complete = defineVerb({
  positionals: "<kind> [<host>...]",
  arity: [1, 100_001],
  options: { word: controllerOptions.word, ...commonOptions },
  details: [
    "For shell completion: hosts, and other ways to continue an expression; groups as",
    "far as they are known; scripts that the hosts have reported or run; the newest",
    "runs, of all or of those that can be paused, continued, resumed or cancelled;",
    "tags; pairing requests that wait; join tokens; assets. No host is asked.",
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
  const runs = (purpose: RunPurpose) => runsAtHand(controller, purpose);
  const names = () => controller.store.registry.names();
  const expressions = () => completedHosts(word, { names, groups, facts, runs });
  const purpose = PURPOSES.get(kind);
  if (purpose !== undefined) return hosts.length === 0 ? await runs(purpose) : [];
  switch (kind) {
    case "hosts":
      return await expressions();
    case "run-hosts":
      return hosts.length === 0 ? await runs("any") : await expressions();
    case "cancel-hosts":
      return hosts.length === 0 ? await runs("cancel") : await expressions();
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
    case "tokens":
      return await tokenWords(controller, hosts);
    case "requests":
      return (await listRequests(controller)).map(({ id }) => id);
    default:
      throw new CtrlExecError("usage", `Cannot complete "${kind}": no such kind`);
  }
}

/** What follows `token`. Loaded on demand, as all that makes and keeps tokens. */
async function tokenWords(
  controller: Awaited<ReturnType<typeof openController>>,
  typed: readonly string[],
): Promise<readonly string[]> {
  if (typed.length === 0) return ["create", "list", "revoke"];
  if (typed.length > 1 || typed[0] !== "revoke") return [];
  const { listTokens } = await import("../../controller/pairing/join-tokens.ts");
  const { tokens } = await listTokens(controller);
  return tokens.flatMap(({ token, state }) => (state === "open" ? [token.id] : []));
}
