import { dirname } from "node:path";
import { applyUpgrade as carryOut } from "../../agent/upgrade/apply-upgrade.ts";
import { inboxOf } from "../../agent/upgrade/places.ts";
import { DEFAULT_AGENT_CONFIG, parseAgentConfig } from "../../core/config/agent-config.ts";
import { forOneLine } from "../../core/text.ts";
import { defineVerb } from "../command/command.ts";
import { readConfig } from "../command/config-option.ts";
import { openChosenLog } from "../command/log-option.ts";
import { agentOptions } from "./options.ts";

export const applyUpgrade = defineVerb({
  positionals: "",
  arity: [0, 0],
  options: { config: agentOptions.config, log: agentOptions.log },
  details: [
    "Carries out the upgrade that the agent has left in its inbox, as root: checks",
    "its signature with release_key of agent.conf, puts the new program in place,",
    "restarts the agent, and puts the old one back if it does not answer with the",
    "new version in time (upgrade_timeout). An upgrade that was interrupted is ended.",
    "The unit or service ctrl-exec-upgrade runs this, by the program of that name",
    "beside ctrl-exec: the last one that is known to work. Units, man pages and",
    "completions stay those that install.sh wrote.",
    "",
    "Exit status: 0 if the host is upgraded or there was nothing to do, 1 if not.",
  ].join("\n"),
  examples: ["sudo ctrl-exec-agent apply-upgrade"],
  async run({ options, io }) {
    // Stricter than the agent: not even a group may decide what root puts in place.
    const { file, text } = readConfig(
      { given: options.config, usual: DEFAULT_AGENT_CONFIG },
      undefined,
    );
    const { config } = await parseAgentConfig(file, text);
    const end = await carryOut({
      config,
      programs: dirname(process.execPath),
      log: openChosenLog("ctrl-exec-agent", options.log),
      now: () => new Date(),
    });
    if (end === undefined) {
      io.out(`Nothing to do: there is no upgrade in ${inboxOf(config)}\n`);
      return 0;
    }
    const { from, to, error } = end;
    if (end.end === "upgraded") {
      io.out(`Upgraded from ${from} to ${to}\n`);
      if (error !== undefined) io.err(`${forOneLine(error)}\n`);
      return 0;
    }
    const what = end.end === "refused" ? "Nothing has changed" : `${from} was put back`;
    io.err(`Cannot upgrade from ${from} to ${to}: ${forOneLine(error ?? "")}\n${what}.\n`);
    return 1;
  },
});
