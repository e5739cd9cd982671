import { checkAgent } from "../../agent/checks/self-check.ts";
import { type Check, failed } from "../../core/check.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { defineVerb, type VerbInput } from "../command/command.ts";
import { checkLine } from "../render/check-line.ts";
import { writeJson } from "../render/json.ts";
import { agentOptions } from "./options.ts";
import { openAgentSetting } from "./setting.ts";

const options = {
  config: agentOptions.config,
  allowlist: agentOptions.allowlist,
  json: agentOptions.json,
} as const;

export const selfCheck = defineVerb({
  positionals: "",
  arity: [0, 0],
  options,
  details: [
    "Checks agent.conf, scripts.conf and every script, the certificate, its key and",
    "CA, the serial and revocation files and the auth hook, with a line for each; a",
    "line that fails says what to do. Run it as root (sudo) or as the agent's user:",
    "others may not read all of these files.",
    "",
    "Exit status: 0 if all pass, 1 if not.",
  ].join("\n"),
  examples: ["sudo ctrl-exec-agent self-check", "sudo ctrl-exec-agent self-check --json"],
  async run(input) {
    const checks = await runChecks(input.options);
    const passed = checks.every(({ ok }) => ok);
    if (input.options.json) writeJson(input.io, { ok: passed ? 1 : 0, checks });
    else for (const check of checks) input.io.out(checkLine(input.io, check));
    return passed ? 0 : 1;
  },
});

async function runChecks(given: VerbInput<typeof options>["options"]): Promise<Check[]> {
  try {
    const { config, configWarnings, allowlistPath } = await openAgentSetting(given, "error");
    return await checkAgent(config, configWarnings, allowlistPath, new Date());
  } catch (thrown) {
    if (!(thrown instanceof CtrlExecError) || thrown.code !== "config") throw thrown;
    // Then this is the only check.
    return [failed("agent.conf", thrown)];
  }
}
