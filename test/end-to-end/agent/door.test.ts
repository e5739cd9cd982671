import { expect, test } from "bun:test";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { TestApi } from "../../support/api.ts";
import { Authority } from "../../support/authority.ts";
import { cleanEnvironment, programPath } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { Gate, passes } from "../../support/gate.ts";
import {
  ask,
  controllerIdentity,
  exchange,
  get,
  type Identity,
  inParallel,
  jsonOf,
  openTcp,
  openTls,
  post,
  statusOf,
} from "../../support/raw-agent.ts";

const CLIENT_HELLO_START = Buffer.from("16030102000100", "hex");

/** Connections that only wait; resolves when all are open. */
async function openMany(count: number, port: number, first: Uint8Array = Buffer.alloc(0)) {
  const sockets = Array.from({ length: count }, () => openTcp(port));
  for (const socket of sockets) socket.on("error", () => undefined);
  await Promise.all(
    sockets.map(async (socket) => {
      await once(socket, "connect");
      if (first.length > 0) socket.write(first);
    }),
  );
  return sockets;
}

const closed = (socket: { readonly closed: boolean }) => socket.closed;

/** Resolves when the other side has ended or reset it; `once` would reject at a reset. */
async function dropped(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
}

/** The agent drops who sends no whole request after 30 s, which is all that this test waits for. */
const STALL_TIMEOUT_MS = 120_000;

test(
  "T19 those who stall are dropped by a total deadline and delay nobody",
  async () => {
    await using control = await ControlHost.create();
    const agent = await control.startAgent("web-01");
    const good = controllerIdentity(control);
    const stranger = await Authority.of(control).issue("web-02");
    const silent = await openMany(100, agent.port);
    const halfway = await openMany(80, agent.port, CLIENT_HELLO_START);
    const trickling = Array.from({ length: 20 }, () => openTls(agent.port, stranger));
    const drips = trickling.map((socket) => {
      socket.on("error", () => undefined);
      const bytes = get("/capabilities", ["X: x".padEnd(200, "x")])[Symbol.iterator]();
      return setInterval(() => socket.write(bytes.next().value ?? "x"), 1000);
    });
    await Promise.all(trickling.map((socket) => once(socket, "secureConnect")));

    const pings = await inParallel(10, 2, () => ask(agent.port, good, post("/ping", {})));
    expect(pings.map(statusOf)).toEqual(Array.from({ length: 10 }, () => 200));
    // Answered while they stalled, not because they had gone.
    expect(trickling.filter(closed)).toHaveLength(0);

    await Promise.all([...silent, ...halfway, ...trickling].map(dropped));
    for (const drip of drips) clearInterval(drip);
    await agent.serving.seen(/ACTION=tls-failure PEER=127\.0\.0\.1 REASON="handshake timed out"/);
    await agent.serving.seen(
      /ACTION=hang-up PEER=127\.0\.0\.1 REASON="no whole request came in time"/,
    );
    // One line, not 180 (T21).
    expect(agent.serving.err.match(/handshake timed out/g)).toHaveLength(1);
  },
  STALL_TIMEOUT_MS,
);

test("who has reset the connection before it is taken is not logged as a peer without an address", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01");
  const { child } = agent.serving;
  child.kill("SIGSTOP");
  const sockets = await openMany(3, agent.port, CLIENT_HELLO_START);
  for (const socket of sockets) socket.resetAndDestroy();
  await Promise.all(sockets.map(dropped));
  child.kill("SIGCONT");
  const reply = await ask(agent.port, controllerIdentity(control), post("/ping", {}));
  expect(statusOf(reply)).toBe(200);
  expect(agent.serving.err).not.toContain('PEER=""');
});

test("T19 over the cap the oldest stranger makes room for the controller", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", { config: ["max_connections = 16"] });
  const good = controllerIdentity(control);
  const silent = await openMany(40, agent.port);
  await until("the cap has put out the oldest", () => silent.filter(closed).length === 24);
  expect(silent.slice(0, 24).every(closed)).toBe(true);
  await agent.serving.seen(/ACTION=hang-up PEER=127\.0\.0\.1 REASON="made room for another: 16 /);
  expect(statusOf(await ask(agent.port, good, post("/ping", {})))).toBe(200);
  for (const socket of silent) socket.destroy();
});

test("connections that serve the controller are never put out for strangers", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", {
    config: ["max_connections = 2"],
    scripts: { wait: `touch $2; ${passes("$1")}; echo done` },
  });
  const good = controllerIdentity(control);
  using gate = await Gate.shut(control.folder.join("go"));
  const go = gate.path;
  const begun = ["one", "two"].map((name) => control.folder.join(name));
  const runs = begun.map((file) =>
    ask(agent.port, good, post("/run", { script: "wait", args: [go, file], reqid: "aa" })),
  );
  await until("both run", () => begun.every((file) => existsSync(file)));
  expect(await exchange(openTcp(agent.port), "")).toHaveProperty("failed");
  await agent.serving.seen(/ACTION=accept-fatal PEER=127\.0\.0\.1 REASON="2 connections are open"/);
  await gate.open();
  expect((await Promise.all(runs)).map((run) => jsonOf(run).stdout)).toEqual(["done\n", "done\n"]);
});

test("T19 a connection that the control host keeps unused makes room for its next one", async () => {
  await using control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  await control.startAgent("web-01", { config: ["max_connections = 1"] });
  await using api = await TestApi.start(control);
  for (const _ of ["the API", "the API again"]) {
    const { json } = await api.post("/ping", { hosts: ["web-01"] });
    expect(json).toMatchObject({ results: [{ status: "ok" }] });
    expect((await control.run("ping", ["web-01"])).status).toBe(0);
  }
});

test("T20 with 64 descriptors new work is refused clearly, and all is well again afterwards", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", {
    scripts: { wait: `${passes("$1")}; echo done` },
  });
  await agent.pair();
  const log = control.folder.write("agent.log", "");
  const command = [programPath("ctrl-exec-agent"), "serve", "--config", agent.config];
  const child = Bun.spawn(
    ["/bin/sh", "-c", 'ulimit -n 64; exec "$@"', "sh", ...command, "--log", "stderr"],
    { stderr: Bun.file(log), env: cleanEnvironment() },
  );
  await using _ = {
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
  const logged = () => readFileSync(log, "utf8");
  await until("it serves", () => logged().includes("ACTION=start"));
  const descriptors = () => readdirSync(`/proc/${child.pid}/fd`).length;
  const atStart = descriptors();
  const good = controllerIdentity(control);
  const silent = await openMany(100, agent.port);
  using gate = await Gate.shut(control.folder.join("go"));
  const go = gate.path;
  const wait = post("/run", { script: "wait", args: [go], reqid: "aa" });
  const outcomes = Array.from({ length: 15 }, () => ask(agent.port, good, wait));
  const refused = await Promise.race(
    outcomes.map(async (outcome) => {
      const { error } = jsonOf(await outcome);
      return error ?? new Promise<string>(() => undefined);
    }),
  );
  expect(refused).toBe("this agent runs as many scripts at once as it can; try again later");
  await gate.open();
  const ended = (await Promise.all(outcomes)).map((outcome) => jsonOf(outcome));
  expect(ended.filter(({ exit }) => exit === 0).length).toBeGreaterThan(3);
  expect(ended.every(({ exit, error }) => exit === 0 || error === refused)).toBe(true);
  for (const socket of silent) socket.destroy();
  expect(statusOf(await ask(agent.port, good, post("/ping", {})))).toBe(200);
  await until("its descriptors are back", () => descriptors() <= atStart);
  expect(logged()).toMatch(/ACTION=config-warn KEY=max_connections MSG="ulimit -n 64 leaves/);
});

test("T28 allowed_ips drops before any TLS byte, and sees IPv4-mapped addresses as IPv4", async () => {
  await using control = await ControlHost.create();
  const outside = await control.startAgent("web-01", {
    config: ["allowed_ips = 192.0.2.0/24, nonsense, 10.0.0.0/33"],
  });
  const socket = openTcp(outside.port);
  let received = 0;
  socket.on("data", (chunk: Buffer) => {
    received += chunk.length;
  });
  expect(await exchange(socket, CLIENT_HELLO_START)).toHaveProperty("failed");
  expect(received).toBe(0);
  await outside.serving.seen(/ACTION=ip-block PEER=127\.0\.0\.1$/m);
  await outside.serving.seen(/ACTION=config-warn KEY=allowed_ips MSG="\\"nonsense\\" is no/);
  expect(outside.serving.err).not.toContain("tls-failure");
  await inParallel(20, 4, async () => exchange(openTcp(outside.port), ""));
  // Counted, not repeated (T21).
  expect(outside.serving.err.match(/ACTION=ip-block/g)).toHaveLength(1);

  // Bound to ::, an IPv4 caller arrives as ::ffff:127.0.0.1.
  const inside = await control.addAgent("web-02");
  inside.writeConfig(["allowed_ips = 127.0.0.0/8"]);
  const text = readFileSync(inside.config, "utf8").replace("bind = 127.0.0.1", "bind = ::");
  control.folder.write("web-02/agent.conf", text);
  await inside.pair();
  await inside.serve();
  const reply = await ask(inside.port, controllerIdentity(control), post("/ping", {}));
  expect(statusOf(reply)).toBe(200);
  await inside.serving.seen(/ACTION=ping PEER=127\.0\.0\.1 /);
});

test("T28 an allowed_ips without one valid entry stops the agent", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", { config: ["allowed_ips = 300.1.1.1, x/8"] });
  await agent.pair();
  const { status, err } = await agent.run("serve");
  expect(err).toContain("allowed_ips has no valid entry");
  expect(err).toContain(agent.config);
  expect(status).toBe(78);
});

/** Of the CA, and not the control host's: a stranger. */
function agentIdentity(agent: TestAgent): Identity {
  const read = (name: string) => readFileSync(agent.path(name), "utf8");
  return { cert: read("agent.crt"), key: read("agent.key") };
}

test("the volume limit blocks a stranger's eleventh connection, is logged once, and SIGHUP resets it", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", { config: ["rate_limit_volume = 10/60/300"] });
  const stranger = agentIdentity(agent);
  const ping = async () => statusOf(await ask(agent.port, stranger, post("/ping", {})));
  const answers: number[] = [];
  for (let index = 0; index < 15; index++) answers.push(await ping());
  expect(answers).toEqual([...Array(10).fill(403), ...Array(5).fill(0)]);
  agent.serving.child.kill("SIGHUP");
  await agent.serving.seen(/ACTION=reload/);
  expect(
    agent.serving.err.match(/ACTION=rate-block PEER=127\.0\.0\.1 REASON=volume/g),
  ).toHaveLength(1);
  expect(await ping()).toBe(403);
});

test("the probe limit counts handshakes that fail, and a block costs no TLS", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", {
    config: ["rate_limit_volume = 1000/60/300", "rate_limit_probe = 3/600/3600"],
  });
  // A port check that sends nothing is no attempt.
  for (const socket of await openMany(10, agent.port)) socket.destroy();
  for (let index = 0; index < 4; index++)
    await exchange(openTcp(agent.port), "GET / HTTP/1.0\r\n\r\n");
  await agent.serving.seen(/ACTION=rate-block PEER=127\.0\.0\.1 REASON=probe/);
  const good = controllerIdentity(control);
  expect(await ask(agent.port, good, post("/ping", {}))).toHaveProperty("failed");
  expect(agent.serving.err.match(/rate-block/g)).toHaveLength(1);
  expect(
    agent.serving.err.match(/ACTION=tls-failure PEER=127\.0\.0\.1 REASON=ERR_SSL_HTTP_REQUEST/g),
  ).toHaveLength(1);
});

const DEFAULT_LIMITS = ["rate_limit_volume = 10/60/300", "rate_limit_probe = 3/600/3600"];

test("T21 the default limits never lock the control host out", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", { config: DEFAULT_LIMITS });
  for (let index = 0; index < 12; index++) await control.mustRun("ping", ["web-01"]);
  const good = controllerIdentity(control);
  const answers = await inParallel(30, 1, () => ask(agent.port, good, post("/ping", {})));
  expect(answers.map(statusOf)).toEqual(Array(30).fill(200));
  expect(agent.serving.err).not.toContain("rate-block");
});

test.each(["volume", "probe"])(
  "T21 an address that was blocked for others (%s) keeps one handshake for the control host",
  async (limit) => {
    await using control = await ControlHost.create();
    const agent = await control.startAgent("web-01", { config: DEFAULT_LIMITS });
    await control.mustRun("ping", ["web-01"]);
    const stranger = agentIdentity(agent);
    const offend = async () =>
      limit === "volume"
        ? await ask(agent.port, stranger, post("/ping", {}))
        : await exchange(openTcp(agent.port), "GET / HTTP/1.0\r\n\r\n");
    for (let index = 0; index < 12; index++) await offend();
    await agent.serving.seen(new RegExp(`ACTION=rate-block PEER=127.0.0.1 REASON=${limit}`));
    await control.mustRun("ping", ["web-01"]);
    // Several at once take their turns.
    const good = controllerIdentity(control);
    const answers = await inParallel(8, 8, () => ask(agent.port, good, post("/ping", {})));
    expect(answers.map(statusOf)).toEqual(Array(8).fill(200));
    // Whoever stalls in the slot must give it up.
    const [stalled] = await openMany(1, agent.port, CLIENT_HELLO_START);
    await control.mustRun("ping", ["web-01"]);
    stalled?.destroy();
  },
  60_000,
);
