/** Each program as the first process of a container: no init, no /dev/log, no service manager. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { newRequestId } from "../../../src/core/request-id.ts";
import { runCommand, runProgram } from "../../support/binary.ts";
import { Contained, childrenOf, nameOf, untilAlone } from "../../support/container.ts";
import { blocksOf, ROOT } from "../../support/documents.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { Gate, passes } from "../../support/gate.ts";
import {
  ask,
  controllerIdentity,
  inParallel,
  jsonOf,
  openTcp,
  post,
} from "../../support/raw-agent.ts";

/** Leaves two behind that end when the gate is open, and one in a session of its own that ends at once. */
const LEAVE = [
  `(${passes('"$2"')}; exit 5) >/dev/null 2>&1 &`,
  `sh -c "${passes("$2")} & exit" >/dev/null 2>&1`,
  "setsid true &",
  'exit "$1"',
].join("\n");

let control: ControlHost;
let agent: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  agent = await control.addAgent("web-01", {
    scripts: { leave: LEAVE, wait: 'touch "$1"; sleep 60' },
  });
  await agent.pair();
  await control.stopPairing();
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

const waiting = (mark: string) => post("/run", { script: "wait", args: [mark], reqid: "a1" });

/** Without --log: as it is typed into a Dockerfile. */
const contained = (
  name: "ctrl-exec" | "ctrl-exec-agent" | "ctrl-exec-api",
  args: string[],
  asRoot = false,
) => new Contained(control.folder, name, args, asRoot);

async function containedAgent(asRoot = false): Promise<Contained> {
  const container = contained("ctrl-exec-agent", ["serve", "--config", agent.config], asRoot);
  await container.running.seen(/ACTION=start PORT=\d+/);
  return container;
}

const run = async (script: string, ...args: string[]) => {
  const request = post("/run", { script, args, reqid: "a1" });
  return jsonOf(await ask(agent.port, controllerIdentity(control), request));
};

/** Whether anybody listens there. */
async function listens(port: number): Promise<boolean> {
  const socket = openTcp(port);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once("connect", () => resolve(true));
  socket.once("error", () => resolve(false));
  const open = await promise;
  socket.destroy();
  return open;
}

describe("the agent", () => {
  test("it reaps what scripts leave behind, and each script's exit status stays true", async () => {
    await using container = await containedAgent();
    using gate = await Gate.shut(agent.path("go"));
    const go = gate.path;
    const statuses = await inParallel(60, 12, async (n) => {
      const { exit } = (await run("leave", String(n), go)) as { exit: number };
      return exit;
    });
    expect(statuses).toEqual(Array.from({ length: 60 }, (_, n) => n));
    expect(container.children.length).toBeGreaterThan(60);
    await gate.open();
    // They end while others that are its own do.
    const more = inParallel(60, 12, async (n) => {
      const { exit } = (await run("leave", String(n), go)) as { exit: number };
      return exit;
    });
    expect(await more).toEqual(statuses);
    await untilAlone(container);
  });

  const isRoot = process.geteuid?.() === 0;
  test.each([
    ["as an ordinary user", false],
    ...(isRoot ? [["as root", true] as const] : []),
  ] as const)(
    "its shim reaps what jobs leave behind, and it what the shim leaves, %s",
    async (_, asRoot) => {
      await using container = await containedAgent(asRoot);
      const others = () => container.descendants.map(nameOf);
      const exits = async (go: string) =>
        await inParallel(40, 8, async (n) => {
          const args = [String(n), go];
          const request = post("/run", { script: "leave", args, reqid: newRequestId() });
          return jsonOf(await ask(agent.port, controllerIdentity(control), request)).exit;
        });
      const expected = Array.from({ length: 40 }, (_, n) => n);
      using gate = await Gate.shut(agent.path(`go-${asRoot}`));
      const go = gate.path;
      expect(await exits(go)).toEqual(expected);
      expect(others().length).toBeGreaterThan(40);
      expect(container.children.map(nameOf)).toEqual(["ctrl-exec-shim"]);
      await gate.open();
      await until(
        () => `the shim is alone; there are ${others()}`,
        () => others().join() === "ctrl-exec-shim",
      );
      // Now the agent gets them.
      using laterGate = await Gate.shut(agent.path(`later-${asRoot}`));
      const later = laterGate.path;
      expect(await exits(later)).toEqual(expected);
      const [shim = 0] = container.children;
      process.kill(shim, "SIGKILL");
      await until("they are the agent's", () => container.children.length > 40);
      await laterGate.open();
      await untilAlone(container);
      expect(await exits(later)).toEqual(expected);
    },
  );

  test("it logs to stderr, reloads, and ends when it is told to", async () => {
    await using container = await containedAgent();
    expect(container.running.err).toMatch(/^ctrl-exec-agent\[1\]: ACTION=start PORT=/m);
    container.kill("SIGHUP");
    await container.running.seen(/ACTION=reload/);
    container.kill("SIGTERM");
    expect(await container.running.ended()).toBe(0);
  });

  test("a script that takes too long ends with it, and the log says so", async () => {
    await using container = await containedAgent();
    const mark = agent.path("taken-along");
    const answer = ask(agent.port, controllerIdentity(control), waiting(mark));
    await until("the script runs", () => existsSync(mark));
    container.kill("SIGTERM");
    expect(await container.running.ended()).toBe(0);
    expect(await answer).toHaveProperty("failed");
    expect(container.running.err).toContain(
      'REASON="the agent is stopping; a script that has begun ends with it, because the agent is process 1 of its container"',
    );
  });

  test("a second signal ends it at once, whatever still runs", async () => {
    await using container = await containedAgent();
    const mark = agent.path("second");
    const answer = ask(agent.port, controllerIdentity(control), waiting(mark));
    await until("the script runs", () => existsSync(mark));
    container.kill("SIGTERM");
    await until("it listens no more", async () => !(await listens(agent.port)));
    container.kill("SIGTERM");
    expect(await container.running.ended()).toBe(143);
    expect(await answer).toHaveProperty("failed");
  });
});

test("an agent that is not the first process reaps what its parent had started before", async () => {
  const startedBy = ["sh", "-c", 'sleep 0.3 & exec "$@"', "sh"];
  const { child } = await agent.serve({ startedBy });
  const children = () => childrenOf(child.pid);
  await until("its children are gone", () => children().length === 0);
  expect((await run("leave", "9", agent.path("."))).exit).toBe(9);
  await agent.stop();
});

test("the documented image holds what the agent needs but an identity", async () => {
  const { text = "" } = blocksOf("docs/INSTALL.md").find(({ info }) => info === "dockerfile") ?? {};
  const [, commands = ""] = /^RUN ((?:.*\\\n)*.*)$/m.exec(text) ?? [];
  const root = control.folder.join("image");
  mkdirSync(`${root}/usr/local/bin`, { recursive: true });
  mkdirSync(`${root}/etc`);
  const here = commands.replaceAll(/(?<= )\/(?=usr\/|etc\/)/g, `${root}/`);
  expect(here.split(root).length - 1).toBe(4);
  const path = `${join(ROOT, "dist")}:/usr/bin:/bin`;
  const built = await runCommand(["sh", "-c", here], { env: { PATH: path } });
  expect(built).toMatchObject({ status: 0, err: "" });
  const { status, err } = await runProgram("ctrl-exec-agent", [
    ...["serve", "--config", `${root}/etc/ctrl-exec-agent/agent.conf`],
  ]);
  expect(status).toBe(78);
  expect(err).toContain("not paired");
});

describe("the control host", () => {
  test("the API reaps what its hook leaves behind, logs to stderr, reloads, and ends when it is told to", async () => {
    const hook = control.folder.script("control/hook", `(sleep 0.2) >/dev/null 2>&1 & exit 0`);
    const config = control.folder.write(
      "control/hooked.conf",
      `${readFileSync(control.config, "utf8")}auth_hook = ${hook}\n`,
    );
    await using container = contained("ctrl-exec-api", ["--config", config]);
    const [, port] = await container.running.seen(/ACTION=api-start BIND=\S+ PORT=(\d+)/);
    const asked = Array.from({ length: 8 }, () => fetch(`http://127.0.0.1:${port}/discovery`));
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(Array(8).fill(200));
    await untilAlone(container);
    container.kill("SIGHUP");
    await container.running.seen(/ACTION=api-reload/);
    container.kill("SIGTERM");
    expect(await container.running.ended()).toBe(0);
  });

  test("pairing-mode pairs, and ends when it is told to", async () => {
    await using container = contained("ctrl-exec", ["pairing-mode", "--config", control.config]);
    const [, port] = await container.running.seen(/Waiting for pairing requests on port (\d+)/);
    await using asking = contained("ctrl-exec-agent", [
      "request-pairing",
      ...agent.pairingArgs(Number(port)),
      ...["--config", agent.config],
    ]);
    await container.running.seen(/Pairing request/);
    // Ctrl-C at the screen that waits for the decision.
    asking.kill("SIGINT");
    expect(await asking.running.ended()).toBe(130);
    container.kill("SIGTERM");
    expect(await container.running.ended()).toBe(0);
  });

  test.each(["SIGINT", "SIGTERM"] as const)("a command ends at %s", async (signal) => {
    await using serving = await containedAgent();
    const mark = agent.path(signal);
    const args = ["run", "web-01", "wait", "--config", control.config, "--", mark];
    await using container = contained("ctrl-exec", args);
    await until("the script runs", () => existsSync(mark));
    container.kill(signal);
    expect(await container.running.ended()).toBe(128 + constants.signals[signal]);
    expect(serving.running.child.exitCode).toBeNull();
  });
});
