import { editAgent as changeAgent } from "../../controller/inventory/agents.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { screenLine } from "../../core/text.ts";
import { defineVerb } from "../command/command.ts";
import { approvalOptions } from "./approval-options.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { openController } from "./setting.ts";

export const editAgent = defineVerb({
  positionals: "<hostname>",
  arity: [1, 1],
  options: {
    ip: controllerOptions.ip,
    "agent-port": controllerOptions["agent-port"],
    "lookup-by": controllerOptions["lookup-by"],
    ...commonOptions,
  },
  details: [
    "Changes the address or port that the registry keeps for a host, or whether it",
    "is called by name or by address.",
  ].join("\n"),
  examples: [
    "ctrl-exec edit-agent web-01 --ip 10.0.0.7",
    "ctrl-exec edit-agent web-01 --agent-port 7450 --lookup-by ip",
  ],
  async run({ options, positionals, io }) {
    const changes = approvalOptions(options);
    if (Object.values(changes).every((value) => value === undefined)) {
      throw new CtrlExecError("usage", "edit-agent needs --ip, --agent-port or --lookup-by");
    }
    const controller = await openController(options);
    const record = await changeAgent(controller, positionals[0] ?? "", changes);
    const port = record.port === undefined ? "" : `, port ${record.port}`;
    io.out(
      screenLine`${record.hostname}: ${record.ip}${port}, dialled by ${record.lookup_by ?? "hostname"}\n`,
    );
    return 0;
  },
});
