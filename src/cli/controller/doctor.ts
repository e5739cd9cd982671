import {
  type Examination,
  examine,
  examineAndMend,
} from "../../controller/upkeep/doctor/doctor.ts";
import { notLooked } from "../../controller/upkeep/doctor/finding.ts";
import { surroundings } from "../../controller/upkeep/doctor/surroundings.ts";
import type { Check } from "../../core/check.ts";
import { CtrlExecError, ERROR_FACTS } from "../../core/errors.ts";
import { defineVerb, type VerbInput } from "../command/command.ts";
import { checkLine, mendedLine } from "../render/check-line.ts";
import { writeJson } from "../render/json.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { openUnjudged } from "./setting.ts";

const options = {
  json: controllerOptions.json,
  fix: controllerOptions.fix,
  ...commonOptions,
} as const;

export const doctor = defineVerb({
  positionals: "",
  arity: [0, 0],
  options,
  details: [
    "Checks this control host, with a line for each check: ctrl-exec.conf, who may",
    "read and write its files, the CA and certificate, the programs that it names,",
    "the disk, the registry, the clock and rotation, leftovers of killed commands,",
    "and what serves and maintains here. A line that fails says what to do. No host",
    "is asked, and nothing is changed.",
    "",
    "--fix closes files of this program to other users, and removes leftovers of",
    "killed writes, expired pairing requests, lock files that no process uses, and",
    "damaged databases that can be made again. It never changes the contents of a",
    "key, a record or a file that somebody has written by hand.",
    "",
    "Exit status: 0 if all is well, 1 if not, 78 if the configuration, a key, a",
    "certificate, or who may read and write them is wrong.",
  ].join("\n"),
  examples: ["sudo ctrl-exec doctor", "sudo ctrl-exec doctor --fix", "ctrl-exec doctor --json"],
  async run({ options, io }) {
    const { findings, mended } = await look(options);
    const passed = [...findings, ...mended].every(({ ok }) => ok);
    const checks = findings.map(asCheck);
    if (options.json) writeJson(io, { ok: passed ? 1 : 0, checks, fixed: mended });
    else {
      for (const each of mended) io.out(mendedLine(io, each));
      for (const check of checks) io.out(checkLine(io, check));
    }
    if (passed) return 0;
    const isConfig = findings.some(({ ok, misconfigured }) => !ok && misconfigured === true);
    return isConfig ? ERROR_FACTS.config.exit : 1;
  },
});

async function look(given: VerbInput<typeof options>["options"]): Promise<Examination> {
  try {
    const { host, warnings } = await openUnjudged(given);
    if (given.fix) return await examineAndMend(host, warnings, surroundings());
    return { findings: await examine(host, warnings, surroundings()), mended: [] };
  } catch (thrown) {
    if (!(thrown instanceof CtrlExecError) || thrown.code !== "config") throw thrown;
    // Then this is the only check.
    const remedy = "correct it; ctrl-exec asset ctrl-exec.conf prints an example";
    return { findings: [notLooked("ctrl-exec.conf", thrown, remedy)], mended: [] };
  }
}

function asCheck({ name, ok, detail, remedy }: Check): Check {
  return remedy === undefined ? { name, ok, detail } : { name, ok, detail, remedy };
}
