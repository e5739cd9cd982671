/**
 * T65: a user or a service that has as many processes as it may. Nothing new starts, and the caller is told
 * so; everything else goes on.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { TestApi } from "../../support/api.ts";
import { Running } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import {
  freeProcesses,
  handOver,
  LIMITED_USER,
  useUpProcesses,
} from "../../support/process-limit.ts";
import {
  ask,
  controllerIdentity,
  inParallel,
  jsonOf,
  post,
  statusOf,
} from "../../support/raw-agent.ts";

const REACHED = "the limit of processes is reached";

let control: ControlHost;
beforeAll(async () => {
  control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

/** Runs the step while the process can start nothing. */
async function whileUsedUp<Result>(pid: number, step: () => Promise<Result>): Promise<Result> {
  useUpProcesses(pid);
  try {
    return await step();
  } finally {
    freeProcesses(pid);
  }
}

describe("the agent", () => {
  let agent: TestAgent;
  let pid: number;
  const run = async (script: string, ...args: string[]) => {
    const request = post("/run", { script, args, reqid: "a1" });
    return jsonOf(await ask(agent.port, controllerIdentity(control), request));
  };
  const ping = async () => {
    return statusOf(await ask(agent.port, controllerIdentity(control), post("/ping", {})));
  };
  /** Enough of it makes the runtime compile, and collect garbage. */
  const work = async (count: number) => {
    const text = "x".repeat(200_000);
    const request = post("/run", { script: "none", args: [text], reqid: "a2" });
    const one = () => ask(agent.port, controllerIdentity(control), request);
    return (await inParallel(count, 8, one)).map(statusOf);
  };

  beforeAll(async () => {
    // From the mark on it starts no process of its own.
    const wait = 'mkfifo "$1.go"; : >"$1.here"; read -r go <"$1.go"; echo done';
    agent = await control.addAgent("web-01", { scripts: { greet: "echo hi", wait } });
    await agent.pair();
    handOver(agent.path("."));
    await agent.serve({ user: LIMITED_USER });
    ({ pid } = agent.serving.child);
    // The runtime has started what it starts on its first work.
    expect(await run("greet")).toMatchObject({ exit: 0 });
  });

  test("T65 refuses a script in words, and the log has them", async () => {
    const refused = await whileUsedUp(pid, () => run("greet"));
    expect(refused).toMatchObject({
      exit: 126,
      error: expect.stringMatching(
        new RegExp(`^cannot execute \\S+: ${REACHED} on the agent; wait until .*TasksMax`),
      ),
    });
    await agent.serving.seen(
      new RegExp(`ACTION=run ERROR="cannot execute .*${REACHED}.*" EXIT=126`),
    );
    expect(await run("greet")).toMatchObject({ exit: 0, stdout: "hi\n" });
  });

  test("T65 outlives whatever it has to do meanwhile", async () => {
    await whileUsedUp(pid, async () => {
      expect(new Set(await work(400))).toEqual(new Set([200]));
      expect(await ping()).toBe(200);
      const renewed = await ask(agent.port, controllerIdentity(control), post("/renew", {}));
      expect(statusOf(renewed)).toBe(200);
    });
    expect(await run("greet")).toMatchObject({ exit: 0 });
    expect(agent.serving.child.exitCode).toBeNull();
  });

  test("T65 answers for the script that runs already", async () => {
    const mark = agent.path("mark");
    const answer = run("wait", mark);
    await until("the script runs", () => existsSync(`${mark}.here`));
    await whileUsedUp(pid, async () => {
      writeFileSync(`${mark}.go`, "\n");
      expect(await answer).toMatchObject({ exit: 0, stdout: "done\n" });
    });
  });

  test("T65 refuses what its auth hook cannot be asked about, and says why", async () => {
    const hook = control.folder.script("web-01/hook", "exit 0");
    handOver(agent.path("."));
    agent.writeConfig([`auth_hook = ${hook}`]);
    agent.serving.child.kill("SIGHUP");
    await agent.serving.seen(/ACTION=reload/);
    expect(await run("greet")).toMatchObject({ exit: 0 });
    expect(await whileUsedUp(pid, () => run("greet"))).toMatchObject({
      exit: -1,
      error: `not authorised: the auth hook could not be started: ${REACHED}`,
    });
    await agent.serving.seen(/ACTION=auth .* MSG="the limit .*; wait until .*" .*RESULT=error/);
    expect(await run("greet")).toMatchObject({ exit: 0 });
  });
});

describe("the control host", () => {
  beforeAll(async () => {
    await control.stopPairing();
    handOver(control.folder.join("control"));
  });

  test("T65 the API goes on, refuses in words what its hook cannot be asked about, and recovers", async () => {
    const hook = control.folder.script("control/hook", "exit 0");
    const config = control.folder.write(
      "control/hooked.conf",
      `state_dir = ${control.folder.join("control", "state")}\napi_port = 0\nauth_hook = ${hook}\n`,
    );
    handOver(control.folder.join("control"));
    await using api = await TestApi.start(
      { ...control, config } as ControlHost,
      "http",
      {},
      { user: LIMITED_USER },
    );
    const { pid } = api.running.child;
    expect((await api.get("/discovery")).status).toBe(200);
    await whileUsedUp(pid, async () => {
      const body = JSON.stringify({ hosts: ["none"], script: "x", args: ["x".repeat(100_000)] });
      const answers = await inParallel(400, 8, () => api.post("/run", body));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([403]));
      expect(answers[0]?.text).toContain(`the auth hook could not be started: ${REACHED}`);
      expect((await api.get("/nowhere")).status).toBe(404);
    });
    expect((await api.get("/discovery")).status).toBe(200);
  });

  test("T65 pairing-mode takes requests and decisions", async () => {
    const args = control.withSetting(["pairing-mode"]);
    const pairing = new Running("ctrl-exec", args, { user: LIMITED_USER });
    const [, port] = await pairing.seen(/Waiting for pairing requests on port (\d+)/);
    const added = await control.addAgent("db-01");
    await whileUsedUp(pairing.child.pid, async () => {
      const asking = added.run("request-pairing", added.pairingArgs(Number(port)));
      const [, id = ""] = await pairing.seen(/Pairing request (\w+) from db-01/);
      await control.mustRun("deny", [id], { user: LIMITED_USER });
      expect((await asking).err).toContain("Denied");
      // What is no request costs the runtime memory all the same, which it collects.
      const noRequest = post("/pair", "x".repeat(60_000));
      await inParallel(300, 8, () => ask(Number(port), {}, noRequest));
    });
    expect(await pairing.stop()).toBe(0);
  });
});
