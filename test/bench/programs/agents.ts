/** Many real agents in one process: `agents.ts <folder> <first> <end> <port>`. Log lines go to stderr. */
import { join } from "node:path";
import { startAgentServer } from "../../../src/agent/server.ts";
import { loadState } from "../../../src/agent/state/state.ts";
import { parseAgentConfig } from "../../../src/core/config/agent-config.ts";
import { openLog } from "../../../src/system/log/syslog.ts";
import { agentSettings } from "../hosts.ts";

const [folder = "", first = "0", end = "0", port = "0"] = process.argv.slice(2);
const log = openLog("ctrl-exec-agent", "stderr");

for (let index = Number(first); index < Number(end); index++) {
  const file = join(folder, "agents", "agent.conf");
  const { config } = await parseAgentConfig(file, agentSettings(folder, index, Number(port)));
  const state = await loadState(config, join(folder, "agents", "scripts.conf"));
  await startAgentServer({ state, log, now: () => new Date() });
}
console.log("ready");
