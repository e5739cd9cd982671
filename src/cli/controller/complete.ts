import type { Controller } from "../../controller/control-host.ts";
import { knownGroupNames } from "../../controller/groups/groups.ts";
import { listRequests } from "../../controller/pairing/queue.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { typedGroup } from "../../core/hosts/group-name.ts";
import { parseTarget } from "../../core/net/host-name.ts";
import { defineVerb } from "../command/command.ts";
import type { Io } from "../command/io.ts";
import { completedHosts, unquoted } from "./completed-hosts.ts";
import { localHosts } from "./host-options.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { openController } from "./setting.ts";

export const complete = defineVerb({
  positionals: "<kind> [<host>...]",
  arity: [1, 100_001],
  options: { word: controllerOptions.word, ...commonOptions },
  details: [
    "For the shells' completions: hosts, which are registered, groups as far as they",
    "are known, scripts last run on the hosts, pairing requests that wait, assets.",
    "--word is what was typed of the word itself.",
  ].join("\n"),
  examples: ["ctrl-exec complete hosts", "ctrl-exec complete scripts web-01"],
  async run({ options, positionals, io }) {
    const [kind = "", ...hosts] = positionals;
    const { word } = options;
    for (const found of await words(kind, hosts, options, io)) {
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
  io: Io,
): Promise<readonly string[]> {
  if (kind === "assets") return Object.keys((await import("./assets.ts")).ASSETS);
  const controller = await openController(options);
  switch (kind) {
    case "hosts":
      return completedHosts(
        options.word ?? "",
        await controller.store.registry.names(),
        await moreWords(controller),
      );
    case "groups":
      return await moreWords(controller);
    case "scripts":
      return await controller.store.runs.scriptsSeen(await namesOf(controller, hosts, io));
    case "requests":
      return (await listRequests(controller)).map(({ id }) => id);
    default:
      throw new CtrlExecError("usage", `Cannot complete "${kind}": no such kind`);
  }
}

/** What may stand for hosts besides their names and the words of every fleet: groups. */
async function moreWords(controller: Controller): Promise<string[]> {
  const groups = (await knownGroupNames(controller)).map(typedGroup);
  return groups.filter((word) => !/["\s]/.test(word));
}

/** The hosts that were typed, as far as they are known; those of an expression too. */
async function namesOf(
  controller: Controller,
  typed: readonly string[],
  io: Io,
): Promise<readonly string[]> {
  const hosts = typed.map(unquoted);
  if (hosts.every((host) => parseTarget(host) !== undefined)) return hosts;
  const options = { except: undefined, limit: undefined };
  const found = await localHosts(controller, hosts, options, undefined, io).catch(() => undefined);
  return [...(found ?? [])];
}
