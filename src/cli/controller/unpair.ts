import { unpairAgent } from "../../controller/inventory/agents.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { screenLine } from "../../core/text.ts";
import { defineVerb } from "../command/command.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { openController } from "./setting.ts";

export const unpair = defineVerb({
  positionals: "<hostname>",
  arity: [1, 1],
  options: { ...commonOptions, revoke: controllerOptions.revoke, port: controllerOptions.port },
  details: [
    "Removes the host's record and says how long its certificate stays valid. Until",
    "then the host can still answer calls that ask for no registered name. With",
    "--revoke, this control host refuses every certificate that it has signed for the",
    "host, from the next connection on. A host whose record 0.8 wrote is asked for",
    "its serial first, on the port of --port if given.",
  ].join("\n"),
  examples: ["ctrl-exec unpair web-01", "ctrl-exec unpair web-01 --revoke"],
  async run({ options, positionals, io }) {
    if (options.port !== undefined && !options.revoke) {
      throw new CtrlExecError("usage", "--port goes with --revoke");
    }
    const controller = await openController(options);
    const [typed = ""] = positionals;
    const { hostname, expiry, revoked } = await unpairAgent(controller, typed, options.revoke);
    if (revoked.length > 0) {
      io.out(
        screenLine`Unpaired ${hostname}. This control host no longer accepts its certificates.\n`,
      );
      io.out(screenLine`Revoked here: ${revoked.join(", ")}\n`);
      return 0;
    }
    const until = expiry ?? "a date that its damaged record did not say";
    io.out(screenLine`Unpaired ${hostname}. Its certificate stays valid until ${until}.\n`);
    const list = controller.store.certificates.revocationList;
    io.err(
      `Until then it can still answer where it is called by its address. unpair --revoke would have revoked it too; now its serial can be put into ${list}, or verify_agent_identity = strict be set.\n`,
    );
    return 0;
  },
});
