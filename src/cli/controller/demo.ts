import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineVerb } from "../command.ts";
import { Demo } from "./demo-stage.ts";
import { controllerOptions } from "./options.ts";

export const demo = defineVerb({
  summary: "Show the whole system on this machine, with nothing installed",
  positionals: "",
  arity: [0, 0],
  options: { keep: controllerOptions.keep },
  details: [
    "Makes a CA, a control host and two agents in a temporary folder on loopback, pairs the agents",
    "through the real exchange, and runs scripts on both. Each command is shown before its output, so",
    "that you can do the same by hand. Exit status: 0 only if every result was the expected one.",
  ].join("\n"),
  examples: ["ctrl-exec demo", "ctrl-exec demo --keep"],
  async run({ options, io }) {
    const folder = mkdtempSync(join(tmpdir(), "ctrl-exec-demo-"));
    const stage = new Demo(io, folder);
    let kept = false;
    try {
      await stage.setUp();
      await stage.pairAgents();
      await stage.useThem();
      stage.showLog();
      kept = options.keep;
      if (kept) stage.explainKept();
    } finally {
      await stage.strike(kept);
      if (!kept) rmSync(folder, { recursive: true, force: true });
    }
    if (stage.surprises.length === 0) {
      io.out("\nEvery result was the expected one.\n");
      return 0;
    }
    for (const surprise of stage.surprises) io.err(`Not as expected: ${surprise}\n`);
    return 1;
  },
});
