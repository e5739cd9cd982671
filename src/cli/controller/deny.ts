import { denyRequest } from "../../controller/pairing/desk.ts";
import { screenLine } from "../../core/text.ts";
import { defineVerb } from "../command/command.ts";
import { commonOptions } from "./options.ts";
import { openController } from "./setting.ts";

export const deny = defineVerb({
  positionals: "<reqid>",
  arity: [1, 1],
  options: commonOptions,
  details: "Removes the request without signing it, and tells the agent.",
  examples: ["ctrl-exec deny a1b2c3d4e5f60718"],
  async run({ options, positionals, io }) {
    const controller = await openController(options);
    const request = await denyRequest(controller, positionals[0] ?? "");
    io.out(screenLine`Denied ${request.hostname} (${request.ip}).\n`);
    return 0;
  },
});
