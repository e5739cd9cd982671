import { runScript } from "../../controller/run.ts";
import { jsonPieces } from "../../core/json-pieces.ts";
import { runFailed } from "../../core/results.ts";
import { defineVerb } from "../command.ts";
import { portOption } from "../numbers.ts";
import { Progress } from "../render/progress.ts";
import { renderRunResult } from "../render/run-result.ts";
import { scriptArguments } from "../script-arguments.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { cliCaller, openController } from "./setting.ts";

export const run = defineVerb({
  summary: "Run an allowlisted script on one or more hosts",
  positionals: "<host>[:<port>]... <script> [-- <arg>...]",
  arity: [2, 100_001],
  takesScriptArgs: true,
  options: {
    port: controllerOptions.port,
    json: controllerOptions.json,
    username: controllerOptions.username,
    token: controllerOptions.token,
    ...commonOptions,
  },
  details: [
    "Runs the script on every host in parallel and shows each result as it arrives. The script's",
    "name is one that scripts.conf lists on the agent; everything behind -- goes to the script as it",
    "is. A host is a registered name, or any host or address; IPv6 as [::1]:7443.",
    "",
    "Exit status: 0 when every host succeeded, 1 when any failed or the script ended non-zero.",
  ].join("\n"),
  examples: [
    "ctrl-exec run web-01 deploy-app",
    "ctrl-exec run web-01 web-02 web-03 deploy-app",
    "ctrl-exec run db-01 backup-mysql -- --database myapp",
    "ENVEXEC_TOKEN=mytoken ctrl-exec run web-01:7450 deploy-app --username alice --json",
  ],
  async run({ options, positionals, scriptArgs, io }) {
    const hosts = positionals.slice(0, -1);
    const script = positionals.at(-1) ?? "";
    const port = portOption(options.port);
    const args = scriptArguments(scriptArgs ?? []);
    const controller = await openController(options);
    const progress = new Progress(io, hosts.length);
    const report = await runScript(
      controller,
      cliCaller(options, io),
      { hosts, port, script, args },
      (result) => {
        progress.step(() => {
          if (!options.json) renderRunResult(io, result);
        });
      },
    ).finally(() => progress.end());
    if (options.json) {
      for (const piece of jsonPieces({ ok: 1, results: report.results })) io.out(piece);
      io.out("\n");
    }
    return report.results.some(runFailed) ? 1 : 0;
  },
});
