/** Programs that were suspended past a time limit: what came in time is not called late, three times of three. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { TestApi } from "../../support/api.ts";
import { Running } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { ask as askAgent, controllerIdentity, jsonOf, post } from "../../support/raw-agent.ts";
import { whileStopped } from "../../support/stopped.ts";

/** Longer than each limit here. */
const LONG_MS = 2_500;

const TIMES = [[1], [2], [3]] as const;

/** A script or hook that says that it runs, and ends when it is told to. */
const WAIT =
  'touch "$1.here"; until [ -e "$1.go" ]; do sleep 0.02; done; touch "$1.ended"; echo done';

/** Its clients wait for two seconds. */
let control: ControlHost;
let agent: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create([
    ...["read_timeout = 2", "auth_hook_timeout = 2"],
    ...["api_port = 0", "api_auth_default = allow"],
  ]);
  agent = await control.addAgent("web-01", {
    config: [
      `auth_hook = ${control.folder.script("agent-hook", "exit 0")}`,
      "auth_hook_timeout = 2",
    ],
    scripts: { wait: WAIT },
    allowlist: [`limited = ${control.folder.script("limited.sh", WAIT)} timeout=2`],
  });
  await agent.pair();
  await agent.serve();
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

const begun = async (mark: string) => await until(`${mark} runs`, () => existsSync(`${mark}.here`));

async function end(mark: string): Promise<void> {
  writeFileSync(`${mark}.go`, "");
  await until(`${mark} has ended`, () => existsSync(`${mark}.ended`));
}

/** Asks the agent for it, with no limit of our own. */
async function ask(script: string, mark: string): Promise<unknown> {
  const identity = controllerIdentity(control);
  const answer = await askAgent(
    agent.port,
    identity,
    post("/run", { script, args: [mark], reqid: "aa" }),
  );
  const { exit, stdout, error } = jsonOf(answer);
  return { exit, stdout, error };
}

const DONE = { exit: 0, stdout: "done\n", error: undefined };

describe.each(TIMES)("time %d of three", (time) => {
  const markOf = (what: string) => control.folder.join(`${what}-${time}`);

  test("run: an answer that came within read_timeout", async () => {
    const mark = markOf("run");
    const args = ["run", "web-01", "wait", "--json", "--", mark];
    const run = new Running("ctrl-exec", control.withSetting(args));
    await begun(mark);
    await whileStopped(run.child.pid, LONG_MS, () => end(mark));
    await run.ended();
    expect(JSON.parse(run.out)).toMatchObject({ results: [{ exit: 0, stdout: "done\n" }] });
  });

  test("the API: the same", async () => {
    const mark = markOf("api");
    await using api = await TestApi.start(control);
    const run = api.post("/run", { hosts: ["web-01"], script: "wait", args: [mark] });
    await begun(mark);
    await whileStopped(api.running.child.pid, LONG_MS, () => end(mark));
    expect((await run).json).toMatchObject({ results: [{ exit: 0, stdout: "done\n" }] });
  });

  test("the agent: a script that ended within its timeout", async () => {
    const mark = markOf("limited");
    const run = ask("limited", mark);
    await begun(mark);
    await whileStopped(agent.serving.child.pid, LONG_MS, () => end(mark));
    expect(await run).toEqual(DONE);
  });

  test("the agent: a hook that ended within its limit", async () => {
    const mark = markOf("agent-hook");
    control.folder.script("agent-hook", `set -- ${mark}\n${WAIT}`);
    const script = markOf("after-hook");
    writeFileSync(`${script}.go`, "");
    const run = ask("wait", script);
    await begun(mark);
    await whileStopped(agent.serving.child.pid, LONG_MS, () => end(mark));
    expect(await run).toEqual(DONE);
    control.folder.script("agent-hook", "exit 0");
  });

  test("run: the control host's own hook", async () => {
    const mark = markOf("own-hook");
    await using other = await ControlHost.create(["auth_hook_timeout = 2"]);
    other.addLines([`auth_hook = ${other.folder.script("hook", `set -- ${mark}\n${WAIT}`)}`]);
    const run = new Running("ctrl-exec", other.withSetting(["ping", "127.0.0.1:1"]));
    await begun(mark);
    await whileStopped(run.child.pid, LONG_MS, () => end(mark));
    await run.ended();
    expect(run.err).toContain("connection refused");
  });

  test("request-pairing: an approval that came while it waited", async () => {
    const waiting = await control.addAgent(`new-${time}`);
    const port = await control.pairingPort();
    const asking = new Running(
      "ctrl-exec-agent",
      waiting.withSetting("request-pairing", [
        ...waiting.pairingArgs(port),
        "--background-child",
        "--timeout=2",
      ]),
    );
    const id = await control.requestFor(waiting.name);
    await whileStopped(asking.child.pid, LONG_MS, () => control.mustRun("approve", [id]));
    expect(await asking.ended()).toBe(0);
  });
});
