/** Output that is longer than what fits into a record: on its way, in its file, and for whoever reads it afterwards. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { programPath } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";

const LINES = 6_700_000;
const MUCH = 10 * LINES;
const MIB = 2 ** 20;

/** Lines of ten bytes, no two the same. With a format, seq takes thirty times as long. */
const lines = (count: number) => `seq 100000001 ${100_000_000 + count}`;

const SCRIPTS = {
  text: lines(LINES),
  // No byte of it is text.
  bytes: `${lines(LINES)} | tr '0-9\\n' '\\200-\\212'`,
  short: "echo short",
  some: lines(400_000),
  errors: "seq -f %09.0f 1 20000 >&2; exit 3",
  // Half of it before the mark is there.
  halves:
    'seq -f %09.0f 1 20000; until [ -e "$1" ]; do sleep 0.02; done; seq -f %09.0f 20001 40000; exit 5',
};

let control: ControlHost;
let agent: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create();
  agent = await control.startAgent("web-01", { config: ["max_output = 128M"], scripts: SCRIPTS });
});
afterAll(async () => await control[Symbol.asyncDispose]());

const records = (host = control) => host.folder.join("control", "state", "runs");

/** A run's ids, the newest first. */
function newestRun(host = control): string {
  const names = readdirSync(records(host)).filter((name) => name.endsWith(".json"));
  const age = (name: string) => statSync(`${records(host)}/${name}`).mtimeMs;
  const [newest = ""] = names.sort((a, b) => age(b) - age(a));
  return newest.slice(0, 16);
}

function spaceTaken(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(`${parentPath}/${name}`).size, 0);
}

const sha = () => createHash("sha256");

/** What the script prints, by itself. */
async function expected(script: string): Promise<string> {
  const hash = sha();
  const child = Bun.spawn(["sh", "-c", script], { stdout: "pipe" });
  for await (const chunk of child.stdout) hash.update(chunk);
  return hash.digest("hex");
}

/** A command whose output is read as it comes: how much it was, and how much memory the command took. */
async function read(args: readonly string[], { host = control } = {}) {
  const child = Bun.spawn([programPath("ctrl-exec"), ...host.withSetting(args)], {
    env: { PATH: "/usr/bin:/bin", USER: "tester" },
    stdout: "pipe",
    stderr: "pipe",
  });
  const err = new Response(child.stderr).text();
  const hash = sha();
  let bytes = 0;
  let peak = 0;
  for await (const chunk of child.stdout) {
    hash.update(chunk);
    bytes += chunk.length;
    peak = peakOf(child.pid) ?? peak;
  }
  const status = await child.exited;
  return { bytes, hash: hash.digest("hex"), peak, status, err: await err };
}

/** The most memory that the process has taken, in MiB; undefined once it has ended. */
function peakOf(pid: number): number | undefined {
  try {
    const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    return undefined;
  }
}

/** Of a run that prints next to nothing. One that has ended before it could be looked at is made again. */
async function peakOfShort(): Promise<number> {
  for (;;) {
    const { peak } = await read(["run", "web-01", "short", "--live"]);
    if (peak > 0) return peak;
  }
}

/** More than a run that prints next to nothing; without a file it would be all that is printed. */
const FLAT_MIB = 48;

/**
 * Reads up to three times, until memory was flat once: what holds all that it reads never is, and on a busy machine
 * the collector is late now and then.
 */
async function readFlat(once: () => ReturnType<typeof read>, base: number) {
  let found = await once();
  for (let again = 0; again < 2 && found.peak - base >= FLAT_MIB; again++) found = await once();
  expect(found.peak - base).toBeLessThan(FLAT_MIB);
  return found;
}

describe.each(["text", "bytes"] as const)("64 MiB of %s", (script) => {
  let base = 0;
  let printed = "";
  beforeAll(async () => {
    base = await peakOfShort();
    printed = await expected(SCRIPTS[script]);
  });

  test("T72 in a live view and in the record, and memory is flat", async () => {
    const live = await readFlat(() => read(["run", "web-01", script, "--live"]), base);
    expect(live.status).toBe(0);
    expect(live.bytes).toBeGreaterThan(MUCH);
    const reqid = newestRun();
    const file = `${records()}/${reqid}.d/0.stdout`;
    expect(sha().update(readFileSync(file)).digest("hex")).toBe(printed);
    expect(statSync(`${records()}/${reqid}.json`).size).toBeLessThan(MIB);
    const logs = await readFlat(() => read(["logs", reqid]), base);
    expect({ hash: logs.hash, status: logs.status }).toEqual({ hash: printed, status: 0 });
    const status = await readFlat(() => read(["status", reqid]), base);
    expect(status.bytes).toBeGreaterThan(MUCH);
    const waited = await readFlat(() => read(["wait", reqid]), base);
    expect(waited.bytes).toBeGreaterThan(MUCH);
  }, 120_000);

  test("T72 as a stream of JSON, and memory is flat", async () => {
    const stream = await readFlat(() => read(["run", "web-01", script, "--json-stream"]), base);
    expect(stream.status).toBe(0);
    expect(stream.bytes).toBeGreaterThan(MUCH);
    expect((await read(["logs", newestRun()])).hash).toBe(printed);
  }, 120_000);
});

test("T72 what was let go comes into the record when it is asked for, and memory is flat", async () => {
  const base = await peakOfShort();
  let reqid = "";
  const waited = await readFlat(async () => {
    reqid = (await control.mustRun("run", ["web-01", "text", "--detach"])).out.trim();
    return await read(["wait", reqid]);
  }, base);
  expect(waited).toMatchObject({ status: 0, err: "" });
  expect(waited.bytes).toBeGreaterThan(MUCH);
  expect(statSync(`${records()}/${reqid}.d/0.stdout`).size).toBe(MUCH);
  expect((await read(["logs", reqid])).hash).toBe(await expected(SCRIPTS.text));
}, 120_000);

test("--json and --no-live have all of it, as ever, and so has the record", async () => {
  for (const option of ["--json", "--no-live"]) {
    const { out } = await control.run("run", ["web-01", "errors", option]);
    expect(out).toContain("000019999");
    const reqid = newestRun();
    const record = JSON.parse(readFileSync(`${records()}/${reqid}.json`, "utf8"));
    expect(record.results).toMatchObject([
      { exit: 3, stdout: "", stderr_file: `${reqid}.d/0.stderr`, stderr_dropped: 200_000 - 65_536 },
    ]);
    const shown = await control.run("status", [reqid, "--json"]);
    const [result] = JSON.parse(shown.out).results;
    expect(result.stderr).toHaveLength(200_000);
    expect(result).not.toHaveProperty("stderr_dropped");
    expect(result).not.toHaveProperty("stderr_file");
  }
});

test("a run that is killed while it prints: logs goes on from the agent, and has every byte", async () => {
  const mark = control.folder.join("go");
  const args = control.withSetting(["run", "web-01", "halves", "--live", "--", mark]);
  const child = Bun.spawn([programPath("ctrl-exec"), ...args], {
    stdout: "ignore",
    stderr: "ignore",
  });
  let reqid = "";
  await until("half of it is in the record", () => {
    reqid = existsSync(records()) ? newestRun() : "";
    const file = `${records()}/${reqid}.d/0.stdout`;
    return existsSync(file) && statSync(file).size === 200_000;
  });
  child.kill("SIGKILL");
  await child.exited;
  // Its agent is away: what has come here is shown, and where the rest is.
  await agent.stop("SIGKILL");
  const here = await read(["logs", reqid]);
  const half = await expected("seq -f %09.0f 1 20000");
  expect(here).toMatchObject({ hash: half, bytes: 200_000, status: 1 });
  expect(here.err).toContain(
    "Cannot show all of web-01: the rest is on that host, which cannot be asked now: connection refused",
  );
  const following = read(["logs", reqid, "--follow"]);
  await agent.serve();
  control.folder.write("go", "");
  const printed = await expected("seq -f %09.0f 1 40000");
  expect((await following).hash).toBe(printed);
  // From then on it is in the record, also without the agent.
  expect((await control.run("wait", [reqid])).status).toBe(1);
  await agent.stop();
  expect((await read(["logs", reqid])).hash).toBe(printed);
  await agent.serve();
});

test("T72 an agent that prints without end does not fill the disk of the control host", async () => {
  await using small = await ControlHost.create(["run_records_max = 2M"]);
  await small.startAgent("web-01", { scripts: SCRIPTS });
  await small.run("run", ["web-01", "errors", "--live"]);
  const first = newestRun(small);
  for (let time = 0; time < 3; time++) {
    const live = await read(["run", "web-01", "some", "--live"], { host: small });
    // All of it was on the screen.
    expect(live.bytes).toBeGreaterThan(4_000_000);
    expect(live.status).toBe(0);
    expect(live.err).toContain("Cannot keep all of the record of run");
    expect(spaceTaken(records(small))).toBeLessThan(2 * MIB);
    const { out } = await small.run("status", [newestRun(small), "--json"]);
    const [result] = JSON.parse(out).results;
    expect(result.stdout.length).toBeGreaterThan(MIB / 2);
    expect(result.stdout.length + result.stdout_dropped).toBe(4_000_000);
  }
  // The oldest has made room, with its folder.
  expect(readdirSync(records(small)).filter((name) => name.startsWith(first))).toEqual([]);
});

test("T72 what a killed process has left is removed by maintain", async () => {
  await using small = await ControlHost.create(["run_retention = 1"]);
  await small.startAgent("web-01", { scripts: SCRIPTS });
  await small.run("run", ["web-01", "errors", "--live"]);
  small.folder.write("control/state/runs/00000000000000ff.d/0.stdout", "left");
  await Bun.sleep(1_100);
  await small.mustRun("maintain");
  expect(readdirSync(records(small))).toEqual([]);
});
