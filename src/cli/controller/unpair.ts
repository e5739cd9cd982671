import { unpairAgent } from "../../controller/agents.ts";
import { screenLine } from "../../core/text.ts";
import { defineVerb } from "../command.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { openController } from "./setting.ts";

export const unpair = defineVerb({
  summary: "Remove a host from the registry",
  positionals: "<hostname>",
  arity: [1, 1],
  options: { ...commonOptions, revoke: controllerOptions.revoke },
  details: [
    "Removes the host's record and says until when its certificate stays valid: until then it can",
    "still answer where no registered name is asked for. With --revoke this control host refuses every",
    "certificate it ever had, from the next connection on.",
  ].join("\n"),
  examples: ["ctrl-exec unpair web-01", "ctrl-exec unpair web-01 --revoke"],
  async run({ options, positionals, io }) {
    const controller = await openController(options);
    const [typed = ""] = positionals;
    const { hostname, expiry, revoked } = await unpairAgent(controller, typed, options.revoke);
    const until = expiry ?? "a date that its damaged record did not say";
    io.out(screenLine`Unpaired ${hostname}. Its certificate stays valid until ${until}.\n`);
    if (revoked.length > 0) io.out(screenLine`Revoked here: ${revoked.join(", ")}\n`);
    return 0;
  },
});
