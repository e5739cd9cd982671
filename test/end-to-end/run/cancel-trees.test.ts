/** `cancel` against what scripts leave in a host's table of processes, and what is not the agent's to end. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { DelegatedCgroup } from "../../support/delegated-cgroup.ts";
import { FakeAgent, jsonAnswer } from "../../support/fake-agent.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { handOver, LIMITED_USER } from "../../support/process-limit.ts";
import { childrenOf, isAlive, processesOf } from "../../support/processes.ts";

const asRoot = process.getuid?.() === 0;

/** Each writes the process ids of what it starts to $1. */
const SCRIPTS = {
  // A child; one in a session of its own; one that hears no TERM and has no environment; one whose parents have
  // ended; and the shell itself.
  tree: `sleep 61 & echo $! >>$1
    setsid sh -c 'echo $$ >>'$1'; exec sleep 62' &
    setsid env -i /bin/sh -c 'trap "" TERM; echo $$ >>'$1'; while :; do sleep 0.05; done' &
    (setsid sh -c 'sleep 63 & echo $! >>'$1 &)
    echo $$ >>$1; wait`,
  // Starts more all the time.
  forks: `trap "" TERM; while :; do setsid sleep 64 & echo $! >>$1; sleep 0.01; done`,
  // Has neither its parents nor its session nor its mark.
  cut: `${asRoot ? "sudo -n" : "prlimit --rttime=unlimited"} sh -c '
      setsid -f sh -c "echo \\$\\$ >$0; exec sleep 67" </dev/null >/dev/null 2>&1' "$1"
    exec sleep 68`,
  other: "exec sleep 69",
  // Is another process every moment.
  hops: `[ "$2" = hop ] || { "$0" "$1" hop & exec sleep 65; }
    echo $$ >>$1; sleep 0.02; setsid "$0" "$1" hop & exit`,
} as const;

let control: ControlHost;

beforeAll(async () => {
  control = await ControlHost.create();
  await control.startAgent("web-01", { scripts: SCRIPTS });
});
afterAll(async () => await control[Symbol.asyncDispose]());

const pidsIn = (file: string) =>
  existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean).map(Number) : [];

async function letGo(host: string, script: string, file: string): Promise<string> {
  const { out } = await control.mustRun("run", [host, script, "--detach", "--", file]);
  return out.trim();
}

test.each([
  ["tree", 5, "1"],
  ["forks", 20, "0"],
  ["hops", 5, "0"],
] as const)("%s: nothing is left", async (script, least, grace) => {
  const file = control.folder.join(`pids-${script}`);
  const reqid = await letGo("web-01", script, file);
  await until("it has started so many", () => pidsIn(file).length >= least);
  const cancelled = await control.run("cancel", [reqid, "--grace", grace]);
  expect(cancelled).toMatchObject({ out: "web-01: ended\n", status: 0 });
  // It says so after a second, which the grace takes too.
  expect(cancelled.err).toMatch(/^(?:Waiting for web-01: asked to end it with [^\n]+\n)?$/);
  expect(pidsIn(file).filter(isAlive)).toEqual([]);
  expect(processesOf(file)).toEqual([]);
  const { out } = await control.run("wait", [reqid, "--json"]);
  expect(JSON.parse(out).results).toMatchObject([{ state: "ended", cancelled: true }]);
});

describe("what sudo has left in a session of its own", () => {
  let agent: TestAgent;
  beforeAll(async () => {
    agent = await control.startAgent("web-02", { scripts: SCRIPTS });
  });

  test("is ended when the run is cancelled, and when its time is over", async () => {
    const { reqid, pid } = await cutOff(agent, agent.path("cancelled"));
    const cancelled = await control.run("cancel", [reqid, "--grace", "1"]);
    expect(cancelled).toMatchObject({ out: "web-02: ended\n", status: 0 });
    expect(isAlive(pid)).toBe(false);
    const file = agent.path("late");
    const late = await control.run("run", ["web-02", "cut", "--timeout", "1", "--", file]);
    expect(late.status).toBe(1);
    expect([pidsIn(file).length, pidsIn(file).filter(isAlive)]).toEqual([1, []]);
  });

  test("is counted, and left alone, if it may be another run's", async () => {
    const { reqid, pid } = await cutOff(agent, agent.path("doubtful"));
    const other = await letGo("web-02", "other", "");
    try {
      const { out, status } = await control.run("cancel", [reqid, "--grace", "0"]);
      expect(out).toStartWith("web-02: still running: 1 process could not be ended.");
      expect([status, isAlive(pid)]).toEqual([1, true]);
      await agent.serving.seen(/ACTION=cancel LEFT=1 .*REASON="it may be another run's"/);
    } finally {
      process.kill(pid, "SIGKILL");
      await control.mustRun("cancel", [other, "--grace", "1"]);
    }
  });
});

/** A run whose script has started one that is cut off, and goes on. */
async function cutOff(agent: TestAgent, file: string) {
  const reqid = await letGo(agent.name, "cut", file);
  await until("it has started it", () => pidsIn(file).length === 1);
  await agent.serving.seen(new RegExp(`ACTION=run-start .*REQID=${reqid}`));
  return { reqid, pid: pidsIn(file)[0] ?? 0 };
}

describe("what a script has started as another user, by sudo", () => {
  const NOBODY = LIMITED_USER ?? process.getuid?.() ?? 0;

  /** An agent of an ordinary user who may do everything by sudo; `into` is a cgroup. */
  async function agentOfNobody(name: string, into: readonly string[]): Promise<TestAgent> {
    // Who is not root has no sudo that another may rely on: there the processes are the script's own.
    const script = asRoot ? "sudo -n sleep 66" : "setsid sleep 66";
    const agent = await control.addAgent(name, {
      scripts: { other: `${script} & echo $! >$1; wait`, cut: SCRIPTS.cut },
    });
    await agent.pair();
    if (!asRoot) {
      await agent.serve();
      return agent;
    }
    const etc = control.folder.join(`${name}-etc`);
    Bun.spawnSync(["cp", "-a", "/etc", etc]);
    Bun.spawnSync(["rm", "-rf", `${etc}/sudoers.d`, `${etc}/sudoers`]);
    control.folder.write(`${name}-etc/sudoers`, "nobody ALL=(root) NOPASSWD: ALL\n", 0o440);
    handOver(agent.path("."));
    const own = ["unshare", "--mount", "sh", "-ec", 'mount --bind "$0" /etc; exec "$@"', etc];
    await agent.serve({ user: NOBODY, startedBy: [...into, ...own] });
    return agent;
  }

  /** Its run, and the processes of the other user: sudo, and what it has started. */
  async function begun(agent: TestAgent) {
    const file = agent.path("pid");
    const reqid = await letGo(agent.name, "other", file);
    await until("it has started it", () => pidsIn(file).length === 1);
    const [first = 0] = pidsIn(file);
    if (asRoot) await until("sudo has started it", () => childrenOf(first).length > 0);
    return { reqid, others: [first, ...(asRoot ? childrenOf(first) : [])] };
  }

  test("without a cgroup it goes on, and is counted: nobody says that it has ended", async () => {
    const agent = await agentOfNobody("db-01", []);
    const { reqid, others } = await begun(agent);
    const { out, status } = await control.run("cancel", [reqid, "--grace", "0"]);
    if (!asRoot) {
      expect([out, status]).toEqual(["db-01: ended\n", 0]);
      return;
    }
    try {
      expect(out).toMatch(
        /^db-01: still running: (?:1 process|\d processes) could not be ended\. ACTION=cancel in its agent's log says why; root may end (?:it|them) there\n$/,
      );
      expect(status).toBe(1);
      expect(others.slice(1).every(isAlive)).toBe(true);
      expect(await control.run("cancel", [reqid, "--grace", "0"])).toMatchObject({ out, status });
      const shown = await control.run("status", [reqid]);
      expect(shown.out).toMatch(/^ {4}ERROR: \d of its processes could not be ended$/m);
      expect(shown.out).toMatch(/^ {4}ERROR: cancelled by /m);
      await agent.serving.seen(/ACTION=cancel LEFT=[1-9] .*REASON="it is another user's"/);
    } finally {
      for (const pid of others.filter(isAlive)) process.kill(pid, "SIGKILL");
    }
    const cut = await cutOff(agent, agent.path("cut"));
    try {
      const cancelled = await control.run("cancel", [cut.reqid, "--grace", "0"]);
      expect(cancelled.out).toStartWith("db-01: still running: 1 process could not be ended.");
      expect([cancelled.status, isAlive(cut.pid)]).toEqual([1, true]);
    } finally {
      process.kill(cut.pid, "SIGKILL");
    }
  });

  test("in a cgroup of the run it is ended too", async () => {
    using cgroup = DelegatedCgroup.make(NOBODY);
    // Said, and not passed over: make test-install does this with systemd's own.
    if (cgroup === undefined) console.warn("No cgroup of version 2 can be made here: not covered");
    const agent = await agentOfNobody("db-02", cgroup?.runner ?? []);
    const { reqid, others } = await begun(agent);
    const { out, status } = await control.run("cancel", [reqid, "--grace", "0"]);
    if (asRoot && cgroup === undefined) {
      for (const pid of others.filter(isAlive)) process.kill(pid, "SIGKILL");
      expect(status).toBe(1);
      return;
    }
    expect([out, status]).toEqual(["db-02: ended\n", 0]);
    expect(others.filter(isAlive)).toEqual([]);
    await agent.stop();
    expect(cgroup?.below ?? []).toEqual([]);
  });
});

test("what an agent could not end is running, in --json too", async () => {
  const agent = await control.addAgent("db-03");
  await agent.pair();
  let reqid = "";
  using _ = await FakeAgent.start(agent, (socket, request) => {
    const [head = "", body = ""] = request.split("\r\n\r\n");
    if (head.startsWith("POST /run ")) {
      reqid = JSON.parse(body).reqid;
      const taken = jsonAnswer({ script: "x", status: "accepted", reqid });
      socket.end(taken.replace("200 OK", "202 Accepted"));
    } else socket.end(jsonAnswer({ status: "ended", left: 2 }));
  });
  await control.mustRun("run", ["db-03", "x", "--detach"]);
  const { out, status } = await control.run("cancel", [reqid, "--json"]);
  expect(JSON.parse(out)).toEqual({
    ok: 1,
    results: [{ host: "db-03", status: "running", left: 2 }],
  });
  expect(status).toBe(1);
});
