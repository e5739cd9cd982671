import { listRequests as waitingRequests } from "../../controller/pairing/queue.ts";
import { screenLine } from "../../core/text.ts";
import { defineVerb } from "../command/command.ts";
import { writeJson } from "../render/json.ts";
import { tableFor } from "../render/table.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { describeKnown, noteOnCode } from "./pairing-text.ts";
import { openController } from "./setting.ts";

export const listRequests = defineVerb({
  positionals: "",
  arity: [0, 0],
  options: { ...commonOptions, json: controllerOptions.json },
  details: [
    "Lists the pairing requests that wait for a decision. Compare each request id and",
    "code with the agent's screen before you approve. A code that covers the request",
    "alone (agents of 0.8 and 1.0) can be forged. Such requests are named below the",
    "list: compare the CA fingerprints too.",
  ].join("\n"),
  examples: ["ctrl-exec list-requests"],
  async run({ options, io }) {
    const controller = await openController(options);
    const requests = await waitingRequests(controller);
    if (options.json) {
      const listed = requests.map(({ id, hostname, ip, code, code_covers, received }) => {
        return { id, hostname, ip, code, code_covers, received };
      });
      writeJson(io, listed);
      return 0;
    }
    const rows = requests.map(({ id, hostname, ip, code, received }) => {
      return [id, hostname, ip, code, received];
    });
    io.out(tableFor(io, ["ID", "HOSTNAME", "IP", "CODE", "RECEIVED"], rows));
    for (const request of requests) {
      io.err(noteOnCode(request));
      const { hostname } = request;
      const known = await controller.store.registry.find(hostname);
      if (known !== undefined) {
        io.err(
          screenLine`Note: ${hostname} is registered already (${describeKnown(known)}); approving replaces it.\n`,
        );
      }
    }
    if (requests.length === 0) io.err("No pairing requests are waiting.\n");
    return 0;
  },
});
