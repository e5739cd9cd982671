import { rotateNow } from "../../controller/upkeep/rotate-now.ts";
import { inOneLine } from "../../core/errors.ts";
import { isoSeconds } from "../../core/time.ts";
import { defineVerb } from "../command/command.ts";
import { writeJson } from "../render/json.ts";
import { renderBroadcast } from "./broadcast-text.ts";
import { upkeepOptions } from "./options.ts";
import { renderProblem } from "./problem-text.ts";
import { openController } from "./setting.ts";

export const rotateCert = defineVerb({
  positionals: "",
  arity: [0, 0],
  options: upkeepOptions,
  details: [
    "Makes a new key and certificate, and tells every registered agent the new serial",
    "under the old certificate, which they trust. The check loop tells agents that",
    "are away for another cert_overlap_days, and calls them under the old certificate",
    "until then. After that they are stale and must be paired again. Agents before",
    "1.1 need update-ctrl-exec-serial in their scripts.conf; later ones need nothing.",
    "",
    "Refused if this host's clock seems wrong: if at least three hosts disagree with",
    "it by a minute or more, and they are most of those that answered.",
    "",
    "Exit status: 0 when the certificate was replaced, however many agents were away.",
  ].join("\n"),
  examples: ["ctrl-exec rotate-cert", "ctrl-exec rotate-cert --json"],
  async run({ options, io }) {
    const controller = await openController(options);
    const report = await rotateNow(controller, options.force);
    const { oldSerial, newSerial, overlapExpires, confirmed, pending, problems } = report;
    const overlap = overlapExpires === undefined ? "" : isoSeconds(overlapExpires);
    if (options.json) {
      const json = {
        ok: 1,
        current_serial: newSerial,
        previous_serial: oldSerial,
        overlap_expires: overlap,
        confirmed,
        pending,
        problems: problems.map(inOneLine),
      };
      writeJson(io, json);
      for (const problem of problems) renderProblem(io, problem);
      return 0;
    }
    io.out(`New serial:       ${newSerial}\nOld serial:       ${oldSerial}\n`);
    io.out(`Overlap expires:  ${overlap}\n`);
    renderBroadcast(io, report, controller.config);
    return 0;
  },
});
