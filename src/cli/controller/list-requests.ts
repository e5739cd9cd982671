import { listRequests as waitingRequests } from "../../controller/pairing-queue.ts";
import { findAgent } from "../../controller/registry.ts";
import { defineVerb } from "../command.ts";
import { renderTable } from "../render/table.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { describeKnown } from "./pairing-text.ts";
import { openController } from "./setting.ts";

export const listRequests = defineVerb({
  summary: "List the pairing requests that wait",
  positionals: "",
  arity: [0, 0],
  options: { ...commonOptions, json: controllerOptions.json },
  details: [
    "Lists the pairing requests that have been neither approved nor denied. Compare each code with",
    "the one on the agent's screen before you approve.",
  ].join("\n"),
  examples: ["ctrl-exec list-requests"],
  async run({ options, io }) {
    const controller = await openController(options);
    const requests = waitingRequests(controller).map(({ id, hostname, ip, code, received }) => {
      return { id, hostname, ip, code, received };
    });
    if (options.json) {
      io.out(`${JSON.stringify(requests)}\n`);
      return 0;
    }
    const rows = requests.map((request) => Object.values(request));
    io.out(renderTable(["ID", "HOSTNAME", "IP", "CODE", "RECEIVED"], rows));
    for (const { hostname } of requests) {
      const known = findAgent(controller.config, hostname);
      if (known !== undefined) {
        io.err(
          `Note: ${hostname} is registered already (${describeKnown(known)}); approving replaces it.\n`,
        );
      }
    }
    if (requests.length === 0) io.err("No pairing requests are waiting.\n");
    return 0;
  },
});
