/** Each program when descriptors run out: new work is refused in words, nothing spins, it recovers (T65). */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { TestApi } from "../../support/api.ts";
import { Running, runProgram } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { PairingStranger, pairingRequest } from "../../support/pairing-stranger.ts";
import { ask, controllerIdentity, post, statusOf } from "../../support/raw-agent.ts";
import { recordFile, recordOf } from "../../support/records.ts";

const openFiles = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

/** Seconds of processor time that the process takes while so many seconds pass. */
async function processorTime(pid: number, seconds: number): Promise<number> {
  // proc_pid_stat(5): utime and stime are fields 14 and 15, in hundredths of a second; the name may hold blanks.
  const taken = () => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  };
  const before = taken();
  await Bun.sleep(seconds * 1000);
  return taken() - before;
}

/** Connections that say nothing, many more than the process may have; each is opened or refused. */
async function idleConnections(port: number, count: number): Promise<Socket[]> {
  return await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const socket = connect({ host: "127.0.0.1", port, localAddress: `127.7.${n % 4}.1` });
      socket.on("error", () => undefined);
      await new Promise<void>((resolve) => {
        socket.once("connect", () => resolve());
        socket.once("close", () => resolve());
      });
      return socket;
    }),
  );
}

/** What holds for each program that listens. */
async function expectCalm(pid: number, limit: number): Promise<void> {
  // A moment for what was accepted to be turned away.
  await Bun.sleep(200);
  expect(openFiles(pid)).toBeLessThan(limit - 4);
  // One that spins takes all that it is given.
  expect(await processorTime(pid, 2)).toBeLessThan(0.5);
}

const KEPT = 8;

const OPEN = ["api_port = 0", "api_auth_default = allow"];

test.each([64, 256])("T65 the API with %d descriptors and 400 idle connections", async (files) => {
  await using host = await ControlHost.create(OPEN);
  const go = host.folder.join("go");
  await host.startAgent("web-01", {
    scripts: { wait: `until [ -e ${go} ]; do sleep 0.05; done; echo done` },
  });
  await using api = await TestApi.start(host, "http", {}, { files });
  const { pid } = api.running.child;
  const atStart = openFiles(pid);
  const begun = api.post("/run", { hosts: ["web-01"], script: "wait" });
  await api.running.seen(/ACTION=dispatch/);
  const idle = await idleConnections(api.port, 400);
  await expectCalm(pid, files);
  // A caller from elsewhere is heard, and what was begun ends.
  expect((await api.get("/health")).status).toBe(200);
  host.folder.write("go", "");
  expect((await begun).json).toMatchObject({ results: [{ exit: 0, stdout: "done\n" }] });
  for (const socket of idle) socket.destroy();
  // Kept for a while: the connections of this test's own requests, and that to the agent.
  await until("its descriptors are back", () => openFiles(pid) <= atStart + KEPT);
  expect((await api.post("/ping", { hosts: ["web-01"] })).json).toMatchObject({
    results: [{ status: "ok" }],
  });
});

test("T65 the API says what it has no descriptors for", async () => {
  await using host = await ControlHost.create(OPEN);
  await using api = await TestApi.start(host, "http", {}, { files: 64 });
  await api.running.seen(
    /ACTION=config-warn KEY=api_max_requests MSG="ulimit -n 64 leaves room for 4 requests at once"/,
  );
  const hosts = Array.from({ length: 50 }, (_, n) => `127.0.1.${n + 1}:1`);
  const refused = await api.post("/run", { hosts, script: "any" });
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toBe("1");
  expect(refused.json).toMatchObject({
    error: "busy",
    detail: expect.stringContaining("Cannot lock 50 hosts at once: this process may open 64 files"),
  });
  // Each is called all the same, a few at a time: nobody listens there.
  const { results } = (await api.post("/ping", { hosts })).json as { results: { error: string }[] };
  expect(results.filter(({ error }) => error.includes("connection refused"))).toHaveLength(50);
});

test.each([64, 256])(
  "T65 pairing-mode with %d descriptors and 400 idle connections",
  async (files) => {
    await using host = await ControlHost.create(["pairing_max_queue = 500"]);
    const pairing = new Running("ctrl-exec", host.withSetting(["pairing-mode"]), { files });
    const [, port] = await pairing.seen(/Waiting for pairing requests on port (\d+)/);
    const { pid } = pairing.child;
    await host.log.seen("config-warn", ({ KEY }) => KEY === "pairing_max_queue");
    const atStart = openFiles(pid);
    using first = new PairingStranger(Number(port), await pairingRequest("web-01"));
    expect((await first.answered()).status).toBe("pending");
    const idle = await idleConnections(Number(port), 400);
    await expectCalm(pid, files);
    using second = new PairingStranger(Number(port), await pairingRequest("web-02"), "127.8.8.1");
    expect((await second.answered()).status).toBe("pending");
    await host.mustRun("approve", [await host.requestFor("web-01")]);
    expect((await first.decided()).status).toBe("approved");
    for (const socket of idle) socket.destroy();
    await until("its descriptors are back", () => openFiles(pid) <= atStart + 2);
    expect(await pairing.stop()).toBe(0);
  },
);

test("T65 pairing-mode whose queue is full of requests from everywhere", async () => {
  await using host = await ControlHost.create(["pairing_max_queue = 500"]);
  const pairing = new Running("ctrl-exec", host.withSetting(["pairing-mode"]), { files: 64 });
  const [, port] = await pairing.seen(/Waiting for pairing requests on port (\d+)/);
  const bytes = await pairingRequest("evil");
  const strangers = Array.from({ length: 100 }, (_, n) => {
    return new PairingStranger(Number(port), bytes, `127.1.${n}.1`);
  });
  await host.log.seen("pair-evict");
  await expectCalm(pairing.child.pid, 64);
  for (const stranger of strangers) stranger[Symbol.dispose]();
  using honest = new PairingStranger(Number(port), await pairingRequest("web-01"));
  expect((await honest.answered()).status).toBe("pending");
  expect(await pairing.stop()).toBe(0);
});

test("T65 the agent with 64 descriptors and 400 idle connections", async () => {
  await using host = await ControlHost.create();
  const agent = await host.addAgent("web-01");
  await agent.pair();
  const { child } = await agent.serve({ files: 64 });
  const idle = await idleConnections(agent.port, 400);
  await expectCalm(child.pid, 64);
  const reply = await ask(agent.port, controllerIdentity(host), post("/ping", {}));
  expect(statusOf(reply)).toBe(200);
  for (const socket of idle) socket.destroy();
});

test.each([
  ["ctrl-exec-agent", ["serve"]],
  ["ctrl-exec-api", []],
  ["ctrl-exec", ["pairing-mode"]],
] as const)("T65 %s %p does not start with fewer descriptors than it needs", async (name, args) => {
  for (const files of [5, 6, 7, 12, 24, 63]) {
    const { status, out, err } = await runProgram(name, args, { files });
    const given = files === 5 ? "ulimit -n" : `ulimit -n ${files}`;
    expect({ status, out, err }).toEqual({
      status: 78,
      out: "",
      err:
        `${name}: Cannot start: ${given} allows too few open files; it needs at least 64\n` +
        "Raise it: ulimit -n 1024 in a shell, or LimitNOFILE=1024 in the service's unit.\n",
    });
  }
});

test("T65 a connection that the API keeps gives way to a run's locks and to other hosts", async () => {
  await using host = await ControlHost.create([...OPEN, "verify_agent_identity = ca"]);
  const hosts = await manyHosts(host, 16);
  await using api = await TestApi.start(host, "http", {}, { files: 64 });
  const four = hosts.slice(0, 4);
  const pinged = async (asked: string[]) => {
    const { json } = await api.post("/ping", { hosts: asked });
    return (json as { results: { status: string }[] }).results.map(({ status }) => status);
  };
  // Half of what it has for work is now kept for these.
  expect(await pinged(four)).toEqual(four.map(() => "ok"));
  const ran = await api.post("/run", { hosts: four, script: "hello" });
  expect(answered((ran.json as { results: Ran[] }).results)).toHaveLength(4);
  expect(await pinged(hosts)).toEqual(hosts.map(() => "ok"));
  expect((await api.post("/run", { hosts: hosts.slice(-4), script: "hello" })).status).toBe(200);
});

interface Ran {
  readonly exit: number;
  readonly error?: string;
}

/** The one agent runs it once, under whichever name it is asked first; to the others it says so. */
function answered(results: readonly Ran[]): Ran[] {
  return results.filter(({ exit, error }) => exit === 0 || error === "reqid already used");
}

/** So many hosts, which are all one agent. */
async function manyHosts(host: ControlHost, count: number): Promise<string[]> {
  await host.startAgent("web-01", { scripts: { hello: "echo hello" } });
  const record = recordOf(host, "web-01");
  return Array.from({ length: count }, (_, n) => {
    const hostname = `node-${n}`;
    const path = recordFile(host, hostname).slice(host.folder.join("").length);
    host.folder.write(path, JSON.stringify({ ...record, hostname }), 0o640);
    return hostname;
  });
}

test("T65 commands on many hosts with few descriptors: a few at a time, or what is lacking", async () => {
  await using host = await ControlHost.create(["verify_agent_identity = ca"]);
  const hosts = await manyHosts(host, 120);
  const few = { files: 64 };
  const pinged = await host.run("ping", [...hosts, "--json"], few);
  expect(pinged.status).toBe(0);
  const { results } = JSON.parse(pinged.out) as { results: { status: string }[] };
  expect(results.filter(({ status }) => status === "ok")).toHaveLength(120);

  const refused = await host.run("run", [...hosts, "hello"], few);
  expect(refused.status).toBe(1);
  expect(refused.err).toBe(
    "ctrl-exec: Cannot lock 120 hosts at once: this process may open 64 files (ulimit -n), of which 40 are left for this\n" +
      "Raise the limit (ulimit -n, or LimitNOFILE= of the service), or name fewer hosts at once.\n",
  );
  expect(host.log.of("dispatch")).toEqual([]);

  const some = await host.run("run", [...hosts.slice(0, 30), "hello", "--json"], few);
  expect(answered(JSON.parse(some.out).results)).toHaveLength(30);
  const all = await host.run("run", [...hosts, "hello", "--json"], { files: 256 });
  expect(answered(JSON.parse(all.out).results)).toHaveLength(120);
});
