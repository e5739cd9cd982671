import { type AgentRecord, readRegistry } from "../../controller/registry.ts";
import { shortSerial } from "../../core/serial.ts";
import { isoSeconds, parseOpensslTime } from "../../core/time.ts";
import { defineVerb } from "../command.ts";
import { renderTable } from "../render/table.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { openController } from "./setting.ts";

export const listAgents = defineVerb({
  summary: "List the registered hosts",
  positionals: "",
  arity: [0, 0],
  options: { ...commonOptions, json: controllerOptions.json },
  details:
    "Lists every paired host with its address, when it was paired and when its certificate expires.",
  examples: ["ctrl-exec list-agents", "ctrl-exec list-agents --json"],
  async run({ options, io }) {
    const { config } = await openController(options);
    const { agents, broken } = readRegistry(config);
    const records = [...agents.values()];
    if (options.json) io.out(`${JSON.stringify(records.map(agentJson))}\n`);
    else {
      const rows = records.map(({ hostname, ip, paired, expiry }) => [
        hostname,
        ip,
        paired,
        expiry,
      ]);
      io.out(renderTable(["HOSTNAME", "IP", "PAIRED", "CERT EXPIRY"], rows));
    }
    for (const { problem } of broken) io.err(`ctrl-exec: ${problem}\n`);
    return broken.length === 0 ? 0 : 1;
  },
});

/** The fields of the manual, "list-agents". */
function agentJson(record: AgentRecord): Record<string, string> {
  const expiry = parseOpensslTime(record.expiry);
  return {
    hostname: record.hostname,
    ip: record.ip,
    paired_at: record.paired,
    cert_expiry: expiry === undefined ? "" : isoSeconds(expiry),
    serial: shortSerial(record.serial),
  };
}
