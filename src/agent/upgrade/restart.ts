/** Restarts the agent: as root, by the service manager, or by the program that agent.conf names. */
import { existsSync } from "node:fs";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { judgeProgram } from "../../system/files/trusted-path.ts";
import { runProcess } from "../../system/process/run-process.ts";
import { baseEnvironment } from "../../system/process/start-program.ts";

const SERVICE = "ctrl-exec-agent";

interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

/** By what is there while the service manager runs. */
const MANAGERS: readonly { readonly sign: string; readonly command: Command }[] = [
  {
    sign: "/run/systemd/system",
    command: { file: "/usr/bin/systemctl", args: ["restart", SERVICE] },
  },
  { sign: "/run/openrc", command: { file: "/sbin/rc-service", args: [SERVICE, "restart"] } },
  {
    sign: `/etc/init.d/${SERVICE}`,
    command: { file: `/etc/init.d/${SERVICE}`, args: ["restart"] },
  },
];

/** @returns why it cannot be restarted, or why it did not start; undefined if it did */
export async function restartAgent(
  { upgrade_restart }: Pick<AgentConfig, "upgrade_restart">,
  timeoutMs: number,
): Promise<string | undefined> {
  const command = commandFor(upgrade_restart);
  if (typeof command === "string") return command;
  const { file, args } = command;
  const { exit, signal, startError, timedOut, stderr } = await runProcess({
    file,
    args,
    env: baseEnvironment(),
    input: "",
    timeoutMs,
    maxOutput: 2048,
  });
  if (exit === 0) return undefined;
  if (timedOut) return `the agent did not start within ${Math.round(timeoutMs / 1000)} s`;
  if (startError !== undefined) return `${file} cannot be started: ${startError}`;
  const said = Buffer.concat(stderr.chunks).toString("utf8").trim();
  const how = exit === undefined ? `was ended by ${signal}` : `ended with ${exit}`;
  return `the agent did not start: ${file} ${how}${said === "" ? "" : `: ${said}`}`;
}

/** Or why there is none. */
function commandFor(given: string | undefined): Command | string {
  if (given === undefined) {
    const found = MANAGERS.find(({ sign }) => existsSync(sign));
    return (
      found?.command ?? "no service manager is known here that restarts it: set upgrade_restart"
    );
  }
  const judged = judgeProgram(given);
  return judged.kind === "good" ? { file: judged.real, args: [] } : judged.problem;
}
