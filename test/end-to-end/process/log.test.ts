/** docs/PROTOCOL.md, section 7, as a syslog daemon gets it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { freePort } from "../../../src/system/net/free-port.ts";
import { programPath, runProgram } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { type LogDatagram, LogSocket, parseDatagram } from "../../support/log-socket.ts";

const INFO = 30;
const WARNING = 28;
const ERR = 27;

let control: ControlHost;
let agent: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create(["pairing_max_queue = 1"]);
  agent = await control.addAgent("web-01", {
    scripts: { greet: "echo hi", fail: "exit 3" },
    logsToSocket: true,
  });
  await agent.requestPairing();
  await agent.serve();
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

/** The one line of an action with that tag that came since `from`. */
async function line(
  tag: "ctrl-exec" | "ctrl-exec-agent",
  action: string,
  fields: Record<string, unknown>,
  level = INFO,
): Promise<LogDatagram> {
  const names = Object.keys(fields).sort().join();
  const fits = (entry: LogDatagram) =>
    entry.tag === tag &&
    Object.keys(entry.fields).join() === names &&
    Bun.deepMatch(fields, entry.fields);
  await control.log.seen(action, () => control.log.of(action).some(fits));
  const found = control.log.of(action).filter(fits);
  expect(found).toHaveLength(1);
  const [entry] = found;
  expect(entry?.priority).toBe(level);
  return entry as LogDatagram;
}

const REQID = /^[0-9a-f]{16}$/;

test("run: auth, dispatch, one line per host, and the agent's own", async () => {
  const { out } = await control.run("run", ["web-01", "fail", "--json", "--username=alice"]);
  const [{ reqid }] = JSON.parse(out).results;
  expect(reqid).toMatch(REQID);
  const target = `web-01:${agent.port}`;
  const dispatch = await line("ctrl-exec", "dispatch", {
    HOSTS: "web-01",
    REQID: reqid,
    SCRIPT: "fail",
  });
  const auth = await line("ctrl-exec", "auth", {
    AUTHACTION: "run",
    IP: "127.0.0.1",
    REASON: "no-hook-cli",
    RESULT: "pass",
    USER: "alice",
  });
  const [run] = control.log.of("run").filter(({ tag }) => tag === "ctrl-exec");
  expect(run?.fields).toEqual({
    EXIT: "3",
    HOST: "web-01",
    REQID: reqid,
    RTT: expect.stringMatching(/^\d+$/),
    SCRIPT: "fail",
    TARGET: target,
  });
  expect(run?.priority).toBe(INFO);
  await control.log.seen("run", (fields) => "PEER" in fields);
  const [ran] = control.log.of("run").filter(({ tag }) => tag === "ctrl-exec-agent");
  expect(ran?.fields).toEqual({
    EXIT: "3",
    PEER: "127.0.0.1",
    REQID: reqid,
    SCRIPT: "fail",
    TOOK: expect.stringMatching(/^\d+$/),
  });
  expect(ran?.priority).toBe(INFO);
  // One process, and in the order things happen.
  expect(new Set([auth.pid, dispatch.pid, run?.pid]).size).toBe(1);
  const order = control.log.lines.filter(({ pid }) => pid === auth.pid).map(({ action }) => action);
  expect(order).toEqual(["auth", "lock-acquire", "dispatch", "lock-release", "run"]);
  await line("ctrl-exec", "lock-acquire", { HOST: "web-01", SCRIPT: "fail" });
  await line("ctrl-exec", "lock-release", { HOSTS: "web-01", SCRIPT: "fail" });
});

test("a host that fails: run at err, with the reason", async () => {
  const port = freePort();
  const { out } = await control.run("run", [`127.0.0.1:${port}`, "greet", "--json"]);
  const [{ reqid }] = JSON.parse(out).results;
  await control.log.seen("run", (fields) => fields.REQID === reqid);
  const [entry] = control.log.of("run").filter(({ fields }) => fields.REQID === reqid);
  expect(entry?.priority).toBe(ERR);
  expect(entry?.fields).toEqual({
    ERROR: expect.stringContaining("connection refused"),
    FAULT: "refused",
    HOST: "127.0.0.1",
    REQID: reqid,
    RTT: expect.stringMatching(/^\d+$/),
    SCRIPT: "greet",
    STATE: "never-ran",
    TARGET: `127.0.0.1:${port}`,
  });
});

test("a script that is not listed: deny on the agent, without a reason", async () => {
  const { out } = await control.run("run", ["web-01", "unlisted", "--json"]);
  const [{ reqid }] = JSON.parse(out).results;
  const fields = { PEER: "127.0.0.1", REQID: reqid, SCRIPT: "unlisted" };
  await line("ctrl-exec-agent", "deny", fields, WARNING);
});

test("ping: one line on each side, an error at err", async () => {
  const port = freePort();
  const { out } = await control.run("ping", ["web-01", `127.0.0.1:${port}`, "--json"]);
  const [{ reqid }] = JSON.parse(out).results;
  await control.log.seen("ping", (fields) => fields.REQID === reqid && "ERROR" in fields);
  const ours = control.log.of("ping").filter(({ tag }) => tag === "ctrl-exec");
  const ok = ours.find(({ fields }) => fields.TARGET?.startsWith("web-01"));
  expect(ok?.fields).toEqual({
    PEER: "127.0.0.1",
    REQID: reqid,
    RESULT: "ok",
    RTT: expect.stringMatching(/^\d+$/),
    STATUS: "ok",
    TARGET: `web-01:${agent.port}`,
  });
  expect(ok?.priority).toBe(INFO);
  const failed = ours.find(({ fields }) => "ERROR" in fields);
  expect(failed?.fields).toEqual({
    ERROR: expect.stringContaining("connection refused"),
    FAULT: "refused",
    PEER: "127.0.0.1",
    REQID: reqid,
    RTT: expect.stringMatching(/^\d+$/),
    STATUS: "error",
    TARGET: `127.0.0.1:${port}`,
  });
  expect(failed?.priority).toBe(ERR);
  await line("ctrl-exec-agent", "ping", { PEER: "127.0.0.1", REQID: reqid });
});

test("ping: no PEER where no address was known", async () => {
  const { out } = await control.run("ping", ["no-such-host.invalid", "--json"]);
  const [{ reqid }] = JSON.parse(out).results;
  await control.log.seen("ping", (fields) => fields.REQID === reqid);
  const [logged] = control.log.of("ping").filter(({ fields }) => fields.REQID === reqid);
  expect(logged?.fields).toMatchObject({ STATUS: "error", TARGET: "no-such-host.invalid:7443" });
  expect(logged?.fields).not.toHaveProperty("PEER");
});

test("pairing, from start to stop", async () => {
  const port = await control.pairingPort();
  await line("ctrl-exec", "pairing-mode-start", { PORT: String(port) });
  const [request] = control.log.of("pair-request");
  const id = request?.fields.REQID ?? "";
  expect(id).toMatch(REQID);
  const asked = {
    AGENT: "web-01",
    CODE_COVERS: "both",
    IP: "127.0.0.1",
    REQID: id,
    STATUS: "pending",
  };
  await line("ctrl-exec", "pair-request", asked);
  await line("ctrl-exec", "pair-approve", { AGENT: "web-01", REQID: id });
  const paired = { DISPATCHER: "127.0.0.1", STATUS: "approved" };
  await line("ctrl-exec-agent", "pair-complete", paired);

  const second = await control.addAgent("web-02");
  const waiting = second.run("request-pairing", second.pairingArgs(port));
  const denied = await control.requestFor("web-02");
  const third = await control.addAgent("web-03");
  expect((await third.run("request-pairing", third.pairingArgs(port))).status).toBe(1);
  await line("ctrl-exec", "pair-reject", { IP: "127.0.0.1", REASON: "queue-full" });
  await control.mustRun("deny", [denied]);
  expect((await waiting).status).toBe(3);
  await line("ctrl-exec", "pair-deny", { AGENT: "web-02", REQID: denied });
  const told = { REASON: "rejected by operator", REQID: denied };
  await line("ctrl-exec-agent", "pair-denied", told, WARNING);
  await control.stopPairing();
  await line("ctrl-exec", "pairing-mode-stop", {});
});

test("unpair", async () => {
  const extra = await control.addAgent("web-04");
  await extra.pair();
  const { out } = await control.mustRun("unpair", ["web-04"]);
  const [, expiry] = /stays valid until (.* GMT)\./.exec(out) ?? [];
  await line("ctrl-exec", "unpair", { AGENT: "web-04", EXPIRY: expiry });
});

test("start, and what the agent's files lack or hold too much of", async () => {
  const odd = await control.addAgent("odd-01", {
    config: ["frobnicate = 7443", "dispatcher_cn = boss"],
    allowlist: ["no path here", "relative = bin/x"],
    logsToSocket: true,
  });
  await odd.pair();
  await odd.serve();
  await line("ctrl-exec-agent", "start", { PORT: String(odd.port) });
  const absent = { PATH: odd.path("revoked-serials"), REASON: "no such file" };
  await line("ctrl-exec-agent", "revoked-serials-absent", absent);
  const warnings: Record<string, unknown>[] = control.log
    .of("config-warn")
    .map(({ fields, priority }) => ({ ...fields, priority }));
  expect(warnings).toContainEqual({
    KEY: "frobnicate",
    MSG: expect.stringMatching(/^unknown key on line \d+, ignored$/),
    priority: WARNING,
  });
  expect(warnings).toContainEqual({
    KEY: "dispatcher_cn",
    MSG: expect.stringContaining("removed"),
    priority: WARNING,
  });
  for (const entry of ["no path here", "relative = bin/x"]) {
    expect(warnings).toContainEqual({
      ENTRY: entry,
      MSG: expect.stringContaining("skipped"),
      priority: WARNING,
    });
  }
});

test("every line so far is one well-formed event of the daemon facility", () => {
  expect(control.log.lines.length).toBeGreaterThan(30);
  for (const { raw, fields, action } of control.log.lines) {
    expect(raw).toMatch(/^<(27|28|30)>/);
    expect(raw).not.toContain("\n");
    expect(action).toMatch(/^[a-z-]+$/);
    expect(Object.keys(fields)).toEqual(Object.keys(fields).sort());
  }
});

describe("T26 no value forges a line or a field", () => {
  test.each([
    ["newline", "eve\n<30>ACTION=pair-approve AGENT=evil"],
    ["quotes", 'eve" RESULT=pass USER="root'],
    ["equals", "RESULT=pass"],
    ["backslash", 'eve\\" RESULT=pass'],
    ["control bytes", "\u0001\u001b[31meve\u007f\u0085\u2028"],
    ["no break space", "a\u00a0b"],
    ["empty", ""],
  ])("%s", async (_, username) => {
    const { out } = await control.run("run", [
      "web-01",
      "greet",
      "--json",
      `--username=${username}`,
    ]);
    expect(JSON.parse(out).ok).toBe(1);
    const auth = await control.log.seen("auth", ({ USER }) => USER === username);
    expect(Object.keys(auth.fields)).toEqual(["AUTHACTION", "IP", "REASON", "RESULT", "USER"]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that there is none is the point
    expect(auth.raw).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028]/);
    expect(control.log.of("pair-approve").map(({ fields }) => fields.AGENT)).not.toContain("evil");
  });

  test("100 KiB: cut, and the cut is counted", async () => {
    const username = "x".repeat(100_000);
    await control.run("ping", ["web-01", `--username=${username}`]);
    const auth = await control.log.seen("auth", ({ USER = "" }) => USER.startsWith("xxx"));
    expect(auth.fields.USER).toBe(`${"x".repeat(4096)}...(+95904)`);
    expect(auth.raw.length).toBeLessThan(16_384);
  });
});

test("T26 a long value that needs escapes is still one whole field", async () => {
  const username = "\u0001".repeat(5000);
  await control.run("ping", ["web-01", `--username=${username}`]);
  const auth = await control.log.seen("auth", ({ USER = "" }) => USER.startsWith("\u0001\u0001"));
  expect(auth.fields.USER).toMatch(/\.\.\.\(\+\d+\)$/);
  expect(auth.raw.length).toBeLessThan(8192);
});

describe("an unreachable log never stops the work", () => {
  const run = async (log: string) =>
    await runProgram("ctrl-exec", [
      "run",
      "web-01",
      "greet",
      "--config",
      control.config,
      "--log",
      log,
    ]);

  test("no socket: the lines go to stderr", async () => {
    const { status, out, err } = await run(control.folder.join("no-such-socket"));
    expect(status).toBe(0);
    expect(out).toContain("\nhi\n");
    expect(err).toMatch(
      /^ctrl-exec\[\d+\]: ACTION=auth .*\n(ctrl-exec\[\d+\]: ACTION=[a-z-]+ .*\n){4}$/,
    );
  });

  test("a daemon that hangs: the lines that its queue does not take go to stderr", async () => {
    using stuck = new LogSocket(control.folder.join("stuck"), { reads: false });
    const sent = async () => (await run(stuck.path)).err.split("\n").length - 1;
    let lost = 0;
    for (let tries = 0; lost === 0 && tries < 300; tries++) lost = await sent();
    expect(lost).toBeGreaterThan(0);
    const { status, out } = await run(stuck.path);
    expect(status).toBe(0);
    expect(out).toContain("\nhi\n");
  });

  test("a daemon that was restarted is found again by a running agent", async () => {
    const path = control.folder.join("daemon");
    const first = new LogSocket(path);
    const other = await control.addAgent("log-01", { scripts: { greet: "echo hi" } });
    await other.pair();
    const args = ["serve", "--config", other.config, "--log", path];
    const child = Bun.spawn([programPath("ctrl-exec-agent"), ...args], {
      stdout: "ignore",
      stderr: "pipe",
    });
    await first.seen("start");
    first[Symbol.dispose]();
    rmSync(path);
    using second = new LogSocket(path);
    expect((await control.run("ping", ["log-01"])).status).toBe(0);
    expect((await second.seen("ping")).tag).toBe("ctrl-exec-agent");
    child.kill();
    await child.exited;
  });

  test("--log stderr says the same, without the head of a datagram", async () => {
    const { err } = await run("stderr");
    const lines = err.trimEnd().split("\n");
    expect(lines).toHaveLength(5);
    for (const text of lines) parseDatagram(`<30>Jan  1 00:00:00 ${text}`);
  });
});
