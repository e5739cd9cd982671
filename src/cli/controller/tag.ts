import { type TaggedHost, tagHosts } from "../../controller/inventory/tag-hosts.ts";
import { foldHosts } from "../../core/hosts/fold.ts";
import { readTagChanges } from "../../core/tags.ts";
import { screenLine } from "../../core/text.ts";
import { defineVerb } from "../command/command.ts";
import { writeJson } from "../render/json.ts";
import { tableFor } from "../render/table.ts";
import { tagRows, tagsJson } from "../render/tags.ts";
import { callerOptions, commonOptions, controllerOptions } from "./options.ts";
import { cliCaller, openController } from "./setting.ts";

export const tag = defineVerb({
  positionals: "<hosts> [<key>=<value>|<key>-]...",
  arity: [1, 1000],
  options: { json: controllerOptions.json, ...callerOptions, ...commonOptions },
  details: [
    "Sets tags of hosts, and removes keys that end in -, for expressions such as",
    "'@env=production' and '@role=db,env!=test'. The hosts are an expression, as in",
    "run; all of them are changed, or none. These tags are this control host's own:",
    "they stay until they are removed, and win over what an agent claims in its",
    "configuration. agent_tags = ignore in ctrl-exec.conf ignores all claims.",
    "",
    "Without a tag, shows the tags of the hosts, own and claimed, and how long ago",
    "the agent claimed them.",
  ].join("\n"),
  examples: [
    "ctrl-exec tag web-01 env=production role=web",
    "ctrl-exec tag 'web-[01-20]' rack=7 old-key-",
    "ctrl-exec tag @all",
    "ctrl-exec tag '@role=db' --json",
  ],
  async run({ options, positionals, io }) {
    const [hosts = "", ...words] = positionals;
    const changes = readTagChanges(words);
    const caller = await cliCaller(options, io);
    const controller = await openController(options);
    const { config, now } = controller;
    const tagged = await tagHosts(controller, caller, hosts, changes);
    if (options.json) {
      const list = tagged.map(({ hostname, tags, changed }) => {
        return { hostname, ...tagsJson(tags), changed };
      });
      writeJson(io, list);
    } else if (words.length > 0) {
      io.out(changeLine(tagged));
    } else {
      const ignored = config.agent_tags === "ignore";
      const rows = tagged.flatMap(({ hostname, tags }) =>
        tagRows(tags, ignored, now()).map((row) => [hostname, ...row]),
      );
      io.out(tableFor(io, ["HOSTNAME", "TAG", "VALUE", "SOURCE", "AGE"], rows));
    }
    return 0;
  },
});

function changeLine(tagged: readonly TaggedHost[]): string {
  const names = tagged.flatMap(({ hostname, changed }) => (changed ? [hostname] : []));
  if (names.length === 0) {
    return screenLine`Nothing to change: ${foldHosts(tagged.map(({ hostname }) => hostname))} had these tags already.\n`;
  }
  const others = tagged.length - names.length;
  const had = others === 0 ? "" : ` ${others} had them already.`;
  return screenLine`Changed the tags of ${foldHosts(names)}.${had}\n`;
}
