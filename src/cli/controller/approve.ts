import { approveRequest } from "../../controller/pairing/desk.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { defineVerb } from "../command/command.ts";
import { approvalOptions } from "./approval-options.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { describeApproval } from "./pairing-text.ts";
import { openController } from "./setting.ts";

/** A pairing-mode that was killed leaves its requests here, but its connections are gone (T10). */
const NOBODY_DELIVERS =
  "pairing-mode does not run on this host: the certificate may never arrive. Start it, and pair the host again.\n";

export const approve = defineVerb({
  positionals: "<reqid>",
  arity: [1, 1],
  options: {
    code: controllerOptions.code,
    ip: controllerOptions.ip,
    "agent-port": controllerOptions["agent-port"],
    "lookup-by": controllerOptions["lookup-by"],
    force: controllerOptions.force,
    ...commonOptions,
  },
  details: [
    "Signs the agent's request and registers the host; pairing-mode sends the",
    "certificate over the connection that the agent holds open. list-requests shows",
    "the request ids.",
    "",
    "With --code, the program compares the code that you type from the agent's",
    "screen. A wrong code denies and removes the request, so nobody can guess twice.",
    "Take the request id from the agent's screen too. A code that covers the request",
    "alone (agents of 0.8 and 1.0) can be forged and is refused here: compare the CA",
    "fingerprints on both screens, then approve without --code.",
  ].join("\n"),
  examples: [
    "ctrl-exec approve a1b2c3d4e5f60718",
    "ctrl-exec approve a1b2c3d4e5f60718 --code 042137",
    "ctrl-exec approve a1b2c3d4e5f60718 --lookup-by ip",
  ],
  async run({ options, positionals, io }) {
    const dialled = { ...approvalOptions(options), force: options.force };
    const { code } = options;
    if (code !== undefined && !/^\d{6}$/.test(code)) {
      throw new CtrlExecError("usage", `--code takes six digits, not "${code}"`);
    }
    const controller = await openController(options);
    const approval = await approveRequest(controller, positionals[0] ?? "", dialled, code);
    io.out(describeApproval(approval));
    if ((await controller.store.pairing.deskKeeper()) === undefined) io.err(NOBODY_DELIVERS);
    return 0;
  },
});
