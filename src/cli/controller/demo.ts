import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../system/net/free-port.ts";
import { defineVerb } from "../command/command.ts";
import { firstSignal, STOP_SIGNALS } from "../command/stop-signals.ts";
import { DemoStage } from "./demo-stage.ts";
import { controllerOptions } from "./options.ts";

const AGENTS = ["web-01", "db-01"] as const;

const SCRIPTS = {
  greet: '#!/bin/sh\necho "Hello $1, this is a script on an agent."\n',
  fail: "#!/bin/sh\necho 'something is wrong here' >&2\nexit 3\n",
  context: "#!/bin/sh\necho 'The agent tells a script, on its standard input:'\ncat\necho\n",
} as const;

export const demo = defineVerb({
  positionals: "",
  arity: [0, 0],
  options: { keep: controllerOptions.keep },
  details: [
    "Makes a CA, a control host and two agents in a temporary folder on loopback,",
    "pairs the agents through the real exchange, and runs scripts on both. Each",
    "command is shown before its output, so that you can do the same by hand.",
    "",
    "Exit status: 0 only if every result was the expected one.",
  ].join("\n"),
  examples: ["ctrl-exec demo", "ctrl-exec demo --keep"],
  async run({ options, io }) {
    const folder = mkdtempSync(join(tmpdir(), "ctrl-exec-demo-"));
    const stage = new DemoStage(io, folder);
    let kept = false;
    try {
      const shown = show(stage);
      const signal = await firstSignal(STOP_SIGNALS, shown);
      if (signal !== undefined) return signal;
      await shown;
      kept = options.keep;
      if (kept) {
        stage.say("The agents keep running. Talk to them");
        io.out(howToGoOn(stage));
      }
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

async function show(stage: DemoStage): Promise<void> {
  await setUp(stage);
  await pairAgents(stage);
  await useAgents(stage);
  stage.showLog();
}

/** Configurations, scripts, the CA and the control host. */
async function setUp(stage: DemoStage): Promise<void> {
  stage.say("A control host, and a private CA of its own");
  stage.write("control/ctrl-exec.conf", [
    `state_dir = ${join(stage.folder, "control", "state")}`,
    "pairing_bind = 127.0.0.1",
    "pairing_port = 0",
  ]);
  for (const [name, text] of Object.entries(SCRIPTS)) {
    stage.write(`scripts/${name}.sh`, [text.trimEnd()], 0o755);
  }
  await stage.ctrlExec(0, "setup-ca");
  await stage.ctrlExec(0, "setup-ctrl-exec");
}

/** The real exchange: request, code, approval, certificate. */
async function pairAgents(stage: DemoStage): Promise<void> {
  stage.say("Two hosts ask to be paired; the operator approves each");
  const port = await stage.startPairing();
  for (const name of AGENTS) {
    await configureAgent(stage, name);
    const asked = await stage.agent(name, 0, "request-pairing", [
      `--hostname=${name}`,
      "--dispatcher=127.0.0.1",
      `--port=${port}`,
      "--background",
    ]);
    const requests = await stage.ctrlExec(0, "list-requests");
    stage.expect(requests.out.includes(name), `list-requests shows ${name}`);
    await stage.ctrlExec(0, "approve", [asked.out.trim(), "--lookup-by=ip"]);
    await stage.untilPaired(name);
    await stage.agent(name, 0, "pairing-status");
  }
  await stage.stopPairing();
  for (const name of AGENTS) await stage.serve(name);
}

async function configureAgent(stage: DemoStage, name: string): Promise<void> {
  const scripts = join(stage.folder, "scripts");
  stage.write(`${name}/agent.conf`, [
    `port = ${freePort()}`,
    "bind = 127.0.0.1",
    `script_dirs = ${scripts}`,
    "[tags]",
    "env = demo",
  ]);
  const lines = Object.keys(SCRIPTS).map((script) => `${script} = ${join(scripts, script)}.sh`);
  stage.write(`${name}/scripts.conf`, lines);
}

/** The main job. */
async function useAgents(stage: DemoStage): Promise<void> {
  stage.say("Are they there?");
  await stage.ctrlExec(0, "list-agents");
  const pinged = await stage.ctrlExec(0, "ping", [...AGENTS]);
  stage.expect(
    AGENTS.every((name) => new RegExp(`^${name} +ok`, "m").test(pinged.out)),
    "ping says ok",
  );
  stage.say(
    "Run a script on both: the name stands for a file that each agent's scripts.conf lists",
  );
  const greeted = await stage.ctrlExec(0, "run", [...AGENTS, "greet"], ["you there"]);
  stage.expect(greeted.out.split("Hello you there").length === 3, "both agents greet");
  stage.say("A script that fails says so, and so does the exit status");
  const failed = await stage.ctrlExec(1, "run", ["db-01", "fail"]);
  stage.expect(failed.out.includes("exit:3"), "fail ends with 3");
  stage.say("A script gets its context as JSON on standard input");
  const context = await stage.ctrlExec(0, "run", ["web-01", "context", "--username=alice"]);
  stage.expect(context.out.includes('"username":"alice"'), "the context names alice");
  stage.say("A script that no scripts.conf lists does not run, whoever asks");
  const refused = await stage.ctrlExec(1, "run", ["web-01", "rm-rf"]);
  stage.expect(refused.out.includes("script not permitted"), "rm-rf is refused");
}

function howToGoOn(stage: DemoStage): string {
  const program = process.execPath;
  const { config, folder } = stage;
  return [
    `${program} ping ${AGENTS.join(" ")} --config ${config}`,
    `${program} run ${AGENTS.join(" ")} greet --config ${config} -- you`,
    `Scripts are listed in ${join(folder, "web-01", "scripts.conf")}`,
    `To end it: kill ${stage.agentPids.join(" ")}; rm -r ${folder}`,
    "",
  ].join("\n");
}
