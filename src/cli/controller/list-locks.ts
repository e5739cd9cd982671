import { listRunLocks } from "../../controller/runs/locks.ts";
import { configArgument } from "../../core/config/controller-config.ts";
import { defineVerb } from "../command/command.ts";
import { writeJson } from "../render/json.ts";
import { tableFor } from "../render/table.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { openController } from "./setting.ts";

export const listLocks = defineVerb({
  positionals: "",
  arity: [0, 0],
  options: { json: controllerOptions.json, ...commonOptions },
  details: [
    "A run holds a lock for each host and script until the result is in or it gives",
    "up waiting. Meanwhile, a second run of the script on that host is refused",
    "immediately. A lock ends with the process that holds it. A detached script has",
    "no lock: its agent refuses the second run. list-runs shows it.",
  ].join("\n"),
  examples: ["ctrl-exec list-locks", "ctrl-exec list-locks --json"],
  async run({ options, io }) {
    const controller = await openController(options);
    const locks = await listRunLocks(controller);
    if (options.json) writeJson(io, locks);
    else {
      const rows = locks.map(({ host, script, user, pid, since, reqid }) => [
        host,
        script,
        user ?? "?",
        String(pid ?? "?"),
        since ?? "?",
        reqid ?? "?",
      ]);
      io.out(tableFor(io, ["HOST", "SCRIPT", "USER", "PID", "SINCE", "REQID"], rows));
      const option = configArgument(controller.config.file);
      const command = (mode: string) => `ctrl-exec ${mode}${option}`;
      if (rows.length === 0) {
        io.err(`No run holds a lock. One that was let go has none; see: ${command("list-runs")}\n`);
      } else if (locks.some(({ reqid }) => reqid !== null)) {
        const status = command("status <reqid>");
        io.err(`Each is a run's: ${status}. All runs: ${command("list-runs")}\n`);
      }
    }
    return 0;
  },
});
