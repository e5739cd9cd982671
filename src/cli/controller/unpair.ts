import { unpairAgent } from "../../controller/agents.ts";
import { defineVerb } from "../command.ts";
import { commonOptions } from "./options.ts";
import { openController } from "./setting.ts";

export const unpair = defineVerb({
  summary: "Remove a host from the registry",
  positionals: "<hostname>",
  arity: [1, 1],
  options: commonOptions,
  details: "Removes the host's record and says until when its certificate stays valid.",
  examples: ["ctrl-exec unpair web-01"],
  async run({ options, positionals, io }) {
    const controller = await openController(options);
    const record = await unpairAgent(controller, positionals[0] ?? "");
    io.out(`Unpaired ${record.hostname}. Its certificate stays valid until ${record.expiry}.\n`);
    return 0;
  },
});
