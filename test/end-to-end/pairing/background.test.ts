/** request-pairing --background, as an installation script uses it (docs/OPERATIONS.md, "Pairing many hosts"). */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { freePort } from "../../../src/system/net/free-port.ts";
import { programPath, Running, runCommand, runProgram } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";

let control: ControlHost;
let port: number;

beforeAll(async () => {
  control = await ControlHost.create(["pairing_max_queue = 50"]);
  port = await control.pairingPort();
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

/** What a shell makes of `$(ctrl-exec-agent request-pairing ... --background)`. */
async function substituted(agent: TestAgent, more: readonly string[]) {
  return await runCommand([
    "sh",
    "-c",
    'reqid=$("$@"); echo "status $?"; echo "reqid $reqid"',
    "sh",
    programPath("ctrl-exec-agent"),
    ...agent.withSetting("request-pairing", agent.pairingArgs(port)),
    ...more,
  ]);
}

/** The process that waits, run in the foreground so that its exit status is seen. */
async function waitingProcess(agent: TestAgent, timeout = 60): Promise<Running> {
  const child = new Running("ctrl-exec-agent", [
    ...agent.withSetting("request-pairing", agent.pairingArgs(port)),
    "--background-child",
    `--timeout=${timeout}`,
  ]);
  await child.outSeen(/^[0-9a-f]{16}\n/);
  return child;
}

const isPaired = async (agent: TestAgent) => (await agent.run("pairing-status")).status === 0;

test("$(...) returns at once with the request id; the process left behind stores the certificate", async () => {
  const agent = await control.addAgent("web-01");
  // The request has not been decided, so this ends only because nothing holds the shell's pipe.
  const { out, err } = await substituted(agent, ["--background", "--timeout", "60"]);
  expect(err).toBe("");
  const [, id = ""] = /^status 0\nreqid ([0-9a-f]{16})\n$/.exec(out) ?? [];
  expect(await control.requestFor("web-01")).toBe(id);
  expect((await agent.run("pairing-status")).out).toBe("Paired: no\n");
  await control.mustRun("approve", [id]);
  await until("the certificate is stored", () => isPaired(agent));
  const line = await control.log.seen("pair-complete");
  expect(line.fields).toEqual({ DISPATCHER: "127.0.0.1", STATUS: "approved" });
  expect(line.tag).toBe("ctrl-exec-agent");
});

test("relative paths hold, wherever the waiting process runs", async () => {
  const agent = await control.addAgent("relative");
  const asked = await runProgram(
    "ctrl-exec-agent",
    [
      "request-pairing",
      "--background",
      "--config=agent.conf",
      `--log=${control.log.path}`,
      ...agent.pairingArgs(port),
    ],
    { cwd: agent.path("") },
  );
  expect(asked.status).toBe(0);
  await control.mustRun("approve", [asked.out.trim()]);
  await until("the certificate is stored", () => isPaired(agent));
  expect(existsSync(agent.path("agent.key"))).toBe(true);
});

test("exit 0 when approved", async () => {
  const agent = await control.addAgent("approved");
  const child = await waitingProcess(agent);
  await control.mustRun("approve", [child.out.trim()]);
  expect(await child.ended()).toBe(0);
  expect(await isPaired(agent)).toBe(true);
});

test("exit 3 when denied, and nothing is stored", async () => {
  const agent = await control.addAgent("denied");
  const child = await waitingProcess(agent);
  await control.mustRun("deny", [child.out.trim()]);
  expect(await child.ended()).toBe(3);
  const line = await control.log.seen("pair-denied");
  expect(line.fields).toEqual({ REASON: "rejected by operator", REQID: child.out.trim() });
  for (const file of ["agent.key", "agent.crt", "ca.crt", "ctrl-exec-serial"]) {
    expect(existsSync(agent.path(file))).toBe(false);
  }
});

test("exit 2 when nobody decides in time; nothing is stored and the request is gone", async () => {
  const agent = await control.addAgent("late");
  const child = await waitingProcess(agent, 1);
  const id = child.out.trim();
  expect(await child.ended()).toBe(2);
  expect((await control.log.seen("pair-timeout")).fields).toEqual({ REQID: id });
  for (const file of ["agent.key", "agent.crt", "ca.crt", "ctrl-exec-serial"]) {
    expect(existsSync(agent.path(file))).toBe(false);
  }
  await until("the request is gone", async () => {
    return !(await control.requests()).some((request) => request.id === id);
  });
  const { status, err } = await control.run("approve", [id]);
  expect(status).toBe(1);
  expect(err).toContain(`Cannot find a pairing request ${id}: no request with that id is waiting`);
});

test("a controller that is not there: the failure is reported at once, not left in the background", async () => {
  const agent = await control.addAgent("nobody");
  const free = freePort();
  const { status, out, err } = await agent.run("request-pairing", [
    "--dispatcher=127.0.0.1",
    `--port=${free}`,
    "--hostname=nobody",
    "--background",
  ]);
  expect(status).toBe(1);
  expect(out).toBe("");
  expect(err).toContain(
    `Cannot pair: connection refused by 127.0.0.1:${free}: no control host is listening there`,
  );
});

test.each(["127.1", "2130706433", "0x7f.0.0.1", "10.0.0.012"])(
  "T70 %s is not called as the control host, since a resolver reads another address",
  async (host) => {
    const agent = await control.addAgent("strict");
    const args = [`--dispatcher=${host}`, `--port=${port}`, "--hostname=strict"];
    const { status, err } = await agent.run("request-pairing", args);
    expect(status).toBe(2);
    expect(err).toContain(
      `Cannot call "${host}": it is not a host or an address\nAn IPv4 address has four numbers, without leading zeros.`,
    );
  },
);

test.each([
  [["--timeout=5"], /--timeout goes with --background/],
  [["--background", "--timeout=0"], /--timeout takes 1 to 600 seconds, or a time such as/],
  [["--background", "--timeout=11m"], /--timeout takes 1 to 600 seconds, or a time such as/],
  [["--hostname=a_b"], /Cannot pair as "a_b": not a host name/],
  [["--hostname=127.1"], /Cannot pair as "127.1": a host name does not end in a number/],
  [[`--hostname=${"a.".repeat(125)}a`], /Cannot pair as ".*": longer than 250 characters/],
  [["--ca-fingerprint=sha256:abc"], /--ca-fingerprint takes sha256: and 64 hex digits/],
])("%p is a usage error before anything is sent", async (more, words) => {
  const agent = await control.addAgent("strict");
  const hostname = more.some((arg) => arg.startsWith("--hostname")) ? [] : ["--hostname=strict"];
  const args = ["--dispatcher=127.0.0.1", `--port=${port}`, ...hostname, ...more];
  const { status, err } = await agent.run("request-pairing", args);
  expect(status).toBe(2);
  expect(err).toMatch(words);
  expect((await control.mustRun("list-requests", ["--json"])).out).not.toContain("strict");
});

test("T22 a request whose answer could not be stored is not made", async () => {
  const agent = await control.addAgent("unstorable", { config: ["cert = /proc/self/agent.crt"] });
  for (const more of [["--background"], []]) {
    const args = agent.withSetting("request-pairing", agent.pairingArgs(port));
    const { status, out, err } = await runProgram("ctrl-exec-agent", [...args, ...more]);
    expect([status, out]).toEqual([1, ""]);
    expect(err).toContain("Cannot pair: Cannot write /proc/self/");
    expect(err).toContain("Nothing was sent to the control host.");
  }
  const { out } = await control.mustRun("list-requests", ["--json"]);
  expect(out).not.toContain("unstorable");
  await control.log.seen("pair-fail", ({ ERROR = "" }) => ERROR.includes("/proc/self/"));
});

test("T22 what was approved and cannot be stored is held until it can", async () => {
  const agent = await control.addAgent("held");
  // Files can be written beside it, so that the proof succeeds, but not over it.
  mkdirSync(agent.path("agent.crt/in-the-way"), { recursive: true });
  const child = await waitingProcess(agent);
  const id = child.out.trim();
  await control.mustRun("approve", [id]);
  const line = await control.log.seen("pair-store-fail", ({ REQID }) => REQID === id);
  expect(line.fields.ERROR).toContain(`Cannot write ${agent.path("agent.crt")}`);
  rmSync(agent.path("agent.crt"), { recursive: true });
  expect(await child.ended()).toBe(0);
  expect(await isPaired(agent)).toBe(true);
  const left = readdirSync(agent.path("")).filter((name) => /next|previous|tmp|probe/.test(name));
  expect(left).toEqual([]);
  await agent.serve();
  expect((await control.run("ping", ["held"])).out).not.toContain("serial mismatch");
});
