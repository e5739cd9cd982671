/** Whole processes, from start to exit. */
import { times, withSpread } from "../figures.ts";
import { hostAddress, hostName } from "../hosts.ts";
import { inTurns, type Subject, timeCommand } from "../process.ts";
import { atMost, type SectionResult } from "../result.ts";
import type { Stage } from "../stage.ts";

const ROUNDS = { rounds: 25, budgetMs: 15_000 };
const REGISTERED = 1000;

export async function processes(stage: Stage): Promise<SectionResult> {
  const one = stage.fleet.controlHost(1);
  const many = stage.fleet.controlHost(REGISTERED);
  await using agent = await stage.agent(0);
  const command = (name: string, argv: readonly string[]): Subject => ({
    name,
    measure: () => timeCommand({ argv }),
  });
  const host = hostName(0);
  const ours = [
    command("an empty compiled Bun program", [await stage.compiled("empty")]),
    command("ctrl-exec --version", stage.ctrlExec(one, "--version").slice(0, 2)),
    command("ctrl-exec list-agents, 1,000 registered", stage.ctrlExec(many, "list-agents")),
    command("ctrl-exec ping, one host", stage.ctrlExec(one, "ping", host)),
    command("ctrl-exec run true, one host", stage.ctrlExec(one, "run", host, "true")),
    command(
      "ctrl-exec run true, one host of 1,000 registered",
      stage.ctrlExec(many, "run", host, "true"),
    ),
  ];
  const { subjects, notMeasured, close } = await sshSubjects(stage, command);
  const measured = await inTurns([...ours, ...subjects], ROUNDS).finally(close);
  void agent;

  const median = (name: string) => measured.get(name)?.median ?? Number.NaN;
  const empty = median("an empty compiled Bun program");
  const ssh = median(CURVE25519);
  return {
    text: "Wall time of the whole process. The agent, and sshd, serve on loopback on the same machine.",
    tables: [
      {
        title: "From start to exit",
        header: [
          "command",
          "time",
          "relative to the empty program",
          "relative to ssh with curve25519",
        ],
        rows: [...measured].map(([name, summary]) => [
          name,
          withSpread(summary, "ms"),
          times(summary.median, empty),
          Number.isNaN(ssh) ? "not measured" : times(summary.median, ssh),
        ]),
      },
    ],
    aims: [
      atMost("`--version` relative to the empty program", median("ctrl-exec --version") / empty, 2),
      ...(Number.isNaN(ssh)
        ? []
        : [
            atMost(
              "`run true` on one host relative to `ssh host true`, curve25519",
              median("ctrl-exec run true, one host") / ssh,
              0.25,
            ),
          ]),
    ],
    notMeasured,
  };
}

const CURVE25519 = "ssh host true, curve25519";

async function sshSubjects(
  stage: Stage,
  command: (name: string, argv: readonly string[]) => Subject,
) {
  const address = hostAddress(0);
  try {
    const ssh = await stage.ssh();
    await ssh.openShared(address);
    return {
      subjects: [
        command("ssh host true, default key exchange", ssh.command("default", address, "true")),
        command(CURVE25519, ssh.command("curve25519", address, "true")),
        command(
          "ssh host true, over an open ControlMaster",
          ssh.command("shared", address, "true"),
        ),
      ],
      notMeasured: [],
      close: () => ssh.closeShared(address),
    };
  } catch (thrown) {
    const why = `ssh: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
    return { subjects: [], notMeasured: [why], close: async () => undefined };
  }
}
