import { type Unpaired, unpairAgent } from "../../controller/inventory/unpair.ts";
import { configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { screenLine } from "../../core/text.ts";
import { defineVerb } from "../command/command.ts";
import type { Io } from "../command/io.ts";
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
    "host, from the next connection on; this also works for a host that was unpaired",
    "earlier. A host whose record 0.8 wrote is first asked for its serial, on --port",
    "if given.",
  ].join("\n"),
  examples: ["ctrl-exec unpair web-01", "ctrl-exec unpair web-01 --revoke"],
  async run({ options, positionals, io }) {
    if (options.port !== undefined && !options.revoke) {
      throw new CtrlExecError("usage", "--port goes with --revoke");
    }
    const controller = await openController(options);
    const [typed = ""] = positionals;
    const unpaired = await unpairAgent(controller, typed, options.revoke);
    const { hostname, revoked, unread } = unpaired;
    const list = controller.store.certificates.revocationList;
    const again = screenLine`ctrl-exec unpair ${hostname} --revoke${configArgument(controller.config.file)}`;
    if (revoked.length > 0) {
      const done = unpaired.earlier
        ? screenLine`${hostname} was unpaired before.`
        : screenLine`Unpaired ${hostname}.`;
      io.out(`${done} This control host no longer accepts its certificates.\n`);
      io.out(screenLine`Revoked here: ${revoked.join(", ")}\n`);
    } else tellValid(unpaired, list, again, io);
    if (unread === undefined) return 0;
    io.err(
      screenLine`${unread}: certificates of ${hostname} may be missing above. Repair them, then: ${again}. A serial can also be put into ${list}.\n`,
    );
    return options.revoke ? 1 : 0;
  },
});

function tellValid(
  { hostname, expiry, known }: Unpaired,
  list: string,
  again: string,
  io: Io,
): void {
  const which = known.length > 1 ? "The last of its certificates" : "Its certificate";
  const until = expiry ?? "a date that is not known here";
  io.out(screenLine`Unpaired ${hostname}. ${which} stays valid until ${until}.\n`);
  if (known.length > 0) io.out(screenLine`Serial: ${known.join(", ")}\n`);
  const revoke = known.length > 0 ? `revoke it with: ${again}` : `put its serial into ${list}`;
  io.err(
    `Until then it can still answer where it is called by its address. To end that, ${revoke}; or set verify_agent_identity = strict.\n`,
  );
}
