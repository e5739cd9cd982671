import { startAgentServer } from "../../agent/server.ts";
import { loadState, logStateWarnings } from "../../agent/state.ts";
import { ERROR_FACTS, messageOf } from "../../core/errors.ts";
import { defineVerb } from "../command.ts";
import { agentOptions } from "./options.ts";
import { openAgentSetting } from "./setting.ts";

export const serve = defineVerb({
  summary: "Start the agent",
  positionals: "",
  arity: [0, 0],
  options: {
    config: agentOptions.config,
    allowlist: agentOptions.allowlist,
    log: agentOptions.log,
  },
  details: [
    "Listens on the port of agent.conf (default 7443) for the control host, and runs the scripts",
    "that scripts.conf lists. Usually started by the init system.",
    "",
    "SIGHUP reloads agent.conf, scripts.conf, the certificates and the revocation list; a file with",
    "an error leaves the old state in force. SIGTERM stops accepting and lets running scripts answer.",
  ].join("\n"),
  examples: ["ctrl-exec-agent serve", "ctrl-exec-agent serve --log stderr"],
  async run({ options }) {
    const { config, configWarnings, allowlistPath, log } = await openAgentSetting(options, "error");
    const state = loadState(config, allowlistPath);
    logStateWarnings(state, configWarnings, log);
    const server = await startAgentServer({ state, log, now: () => new Date() });
    const stopped = Promise.withResolvers<void>();
    process.on("SIGTERM", stopped.resolve);
    process.on("SIGINT", stopped.resolve);
    process.on("SIGHUP", () => {
      openAgentSetting(options, "error")
        .then((next) => {
          const nextState = loadState(next.config, next.allowlistPath);
          logStateWarnings(nextState, next.configWarnings, log);
          server.replaceState(nextState);
        })
        .catch((thrown) => {
          log(ERROR_FACTS.config.level, "reload-fail", { ERROR: messageOf(thrown) });
        });
    });
    await stopped.promise;
    await server.close();
    return 0;
  },
});
