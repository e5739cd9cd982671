/** The program update-ctrl-exec-serial. */
import { readFileSync } from "node:fs";
import { AGENT_FILE_RULE } from "../agent/state/file-rule.ts";
import { updateControllerSerial } from "../agent/trust/store-serial.ts";
import {
  AGENT_CONFIG_VARIABLE,
  DEFAULT_AGENT_CONFIG,
  parseAgentConfig,
} from "../core/config/agent-config.ts";
import { defineVerb, type Program } from "./command/command.ts";
import { readConfig } from "./command/config-option.ts";

const update = defineVerb({
  positionals: "<serial>",
  // Without a serial, a person who typed it learns that agents run it.
  arity: [0, 1],
  options: {},
  details: [
    "Agents run this when their control host calls it; it is of no use otherwise. It",
    "stores the serial in dispatcher_serial_path, and keeps the previous one",
    "beside it until the control host has called under the new one. List it in",
    "scripts.conf:",
    "",
    "  update-ctrl-exec-serial = /usr/local/bin/update-ctrl-exec-serial",
  ].join("\n"),
  examples: [],
  async run({ positionals, io }) {
    // An agent of 0.8 does not set the variable, and its files have the usual paths.
    const { file, text } = readConfig(
      {
        given: io.env[AGENT_CONFIG_VARIABLE],
        usual: DEFAULT_AGENT_CONFIG,
        rule: AGENT_FILE_RULE,
      },
      "",
    );
    const { config } = await parseAgentConfig(file, text);
    // On a terminal, this would wait for ever.
    const input = io.inIsTerminal ? "" : readFileSync(0, "utf8");
    const serial = updateControllerSerial(config, positionals, input);
    io.out(`serial updated to ${serial}\n`);
    return 0;
  },
});

export const updateSerialProgram: Program = {
  name: "update-ctrl-exec-serial",
  summary: "store the control host's new serial for the agent that runs this",
  options: {},
  verbs: {
    update: {
      summary: "Store the control host's new serial for the agent that runs this",
      load: async () => update,
    },
  },
  defaultVerb: "update",
};
