/** clush and Ansible over SSH, as far as they finish in time. */
import { hostAddresses } from "./hosts.ts";
import { type Command, findProgram, inTurns, timeCommand } from "./process.ts";
import type { SshServer } from "./ssh.ts";
import type { Stage } from "./stage.ts";
import type { Summary } from "./statistics.ts";

export const CLUSH = "clush";

const TURNS = { rounds: 5, budgetMs: 8_000 };

/** @returns what could not be measured, and why */
export async function sshFanOut(
  stage: Stage,
  sizes: readonly number[],
  parallel: number,
  limitMs: number,
  keep: (hosts: number, found: Map<string, Summary>) => void,
): Promise<string[]> {
  const notMeasured: string[] = [];
  let ssh: SshServer;
  try {
    ssh = await stage.ssh();
  } catch (thrown) {
    return [`clush, ansible: ${thrown instanceof Error ? thrown.message : String(thrown)}`];
  }
  const tools = [
    { name: CLUSH, program: "clush", command: clush },
    { name: "ansible, raw module", program: "ansible", command: ansible },
  ];
  for (const { name, program, command } of tools) {
    if (findProgram(program) === undefined) {
      notMeasured.push(`${name}: ${program} is not installed`);
      continue;
    }
    let msPerHost = 0;
    for (const hosts of sizes) {
      // Saves the minute that a sure failure would take.
      const expected = msPerHost * hosts;
      const found =
        expected > 1.2 * limitMs
          ? new Map<string, Summary>()
          : await inTurns(
              [{ name, measure: () => timeCommand(command(stage, ssh, hosts, parallel), limitMs) }],
              TURNS,
            );
      keep(hosts, found);
      const median = found.get(name)?.median;
      if (median === undefined) {
        notMeasured.push(`${name}, N = ${hosts}: takes longer than ${limitMs / 1000} s`);
        msPerHost = Number.POSITIVE_INFINITY;
      } else {
        msPerHost = median / hosts;
      }
    }
  }
  return notMeasured;
}

function clush(_: Stage, ssh: SshServer, hosts: number, parallel: number): Command {
  const options = ["-q", "-S", "-f", `${parallel}`, "-o", `-F ${ssh.config("default")}`];
  return { argv: ["clush", ...options, "-w", hostAddresses(hosts).join(","), "true"] };
}

/** `raw` needs no Python on the host: the cheapest that Ansible can do. */
function ansible(stage: Stage, ssh: SshServer, hosts: number, parallel: number): Command {
  const inventory = stage.fleet.folder.write("inventory", `${hostAddresses(hosts).join("\n")}\n`);
  return {
    argv: ["ansible", "all", "-i", inventory, "-f", `${parallel}`, "-m", "raw", "-a", "true"],
    env: {
      HOME: stage.fleet.folder.path,
      ANSIBLE_HOST_KEY_CHECKING: "False",
      ANSIBLE_SSH_ARGS: `-F ${ssh.config("default")}`,
    },
  };
}
