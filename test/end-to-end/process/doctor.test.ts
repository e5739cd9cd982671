/** `ctrl-exec doctor` on a real control host: a well one, and one with several things wrong. */
import { expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { freePort } from "../../../src/system/net/free-port.ts";
import { TestApi } from "../../support/api.ts";
import { Running } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { contents, until } from "../../support/folder.ts";

const asRoot = process.getuid?.() === 0;
const AN_HOUR_AGO = new Date(Date.now() - 3_600_000);
const ID = "0123456789abcdef";

/** Other tests' servers listen meanwhile: not on a port that is chosen when it is needed. */
const SETTING = ["api_port = 0"];

interface Said {
  readonly ok: 0 | 1;
  readonly checks: { name: string; ok: boolean; detail: string; remedy?: string }[];
  readonly fixed: { name: string; ok: boolean; detail: string }[];
}

const inFolder = (control: ControlHost, name: string) => control.folder.join("control", name);

/** The names of the checks that failed, without the folder of the test. */
function failures(control: ControlHost, { checks }: Said): string[] {
  const folder = `${inFolder(control, "")}/`;
  return checks.filter(({ ok }) => !ok).map(({ name }) => name.replace(folder, ""));
}

async function saidBy(control: ControlHost, ...args: string[]): Promise<[number, Said]> {
  const { status, out, err } = await control.run("doctor", ["--json", ...args]);
  expect([err, out.match(/\n/g)?.length]).toEqual(["", 1]);
  return [status, JSON.parse(out)];
}

function leave(control: ControlHost, name: string, text: string, mode = 0o640): string {
  const path = control.folder.write(`control/${name}`, text, mode);
  utimesSync(path, AN_HOUR_AGO, AN_HOUR_AGO);
  return path;
}

/** A host that was paired, and faults of many kinds; only some of them are --fix's to mend. */
async function plant(control: ControlHost): Promise<void> {
  await (await control.addAgent("web-01", { scripts: {} })).pair();
  await control.mustRun("maintain");
  leave(control, "state/agents/cut.json", "{");
  leave(control, "credentials/.x.pem.0123456789ab.tmp", "key", 0o600);
  const request = { id: ID, received: AN_HOUR_AGO.toISOString() };
  leave(control, `state/pairing/${ID}.json`, JSON.stringify(request));
  // Another file: whoever still has the earlier one open would make it whole again, from what it learned last.
  for (const more of ["", "-wal", "-shm"])
    rmSync(inFolder(control, `state/learned.sqlite${more}`), { force: true });
  leave(control, "state/learned.sqlite", "this is no database");
  chmodSync(inFolder(control, "ctrl-exec.key"), 0o644);
  chmodSync(inFolder(control, "state"), 0o775);
  control.addLines(["colour = red", "auth_hook = /no/such/hook"]);
}

test("a well control host: every line is OK, the exit status 0, and nothing is changed", async () => {
  await using control = await ControlHost.create(SETTING);
  await control.mustRun("maintain");
  const before = contents(control.folder.path);
  const { status, out, err } = await control.run("doctor");
  expect([status, err]).toEqual([0, ""]);
  const lines = out.trimEnd().split("\n");
  expect(lines.filter((line) => !line.startsWith("OK    "))).toEqual([]);
  expect(lines.length).toBeGreaterThan(15);
  const [json, said] = await saidBy(control, "--fix");
  expect([json, said.ok, said.fixed, said.checks.length]).toEqual([0, 1, [], lines.length]);
  expect(contents(control.folder.path)).toEqual(before);
});

test("what is wrong is named with what to do; --fix does what is safe, once", async () => {
  await using control = await ControlHost.create(SETTING);
  await plant(control);
  const key = readFileSync(inFolder(control, "ctrl-exec.key"), "utf8");
  const { status, out } = await control.run("doctor");
  const option = `--config ${control.config}`;
  const state = inFolder(control, "state");
  expect(status).toBe(78);
  expect(out.split("\n")).toEqual(
    expect.arrayContaining([
      `FAIL  ${state}: it can be written by its group (mode 0775); ctrl-exec doctor --fix ${option}`,
      expect.stringMatching(/^FAIL {2}auth_hook: \S+ no such file or folder; put it there, or /),
      expect.stringMatching(/^FAIL {2}\S+\/state: not looked at, because others could change it: /),
      expect.stringMatching(
        /^FAIL {2}\S+ctrl-exec\.conf: colour: unknown key on line \d+, ignored; /,
      ),
    ]),
  );
  const [, first] = await saidBy(control);
  expect(failures(control, first)).toEqual([
    "ctrl-exec.conf",
    "state",
    "ctrl-exec.key",
    "ctrl-exec.crt",
    "auth_hook",
    "state",
  ]);
  const fixing = await control.run("doctor", ["--fix"]);
  expect(fixing.status).toBe(78);
  const done = fixing.out.split("\n").filter((line) => line.startsWith("DONE  "));
  expect(done.map((line) => line.replace(`${inFolder(control, "")}/`, ""))).toEqual([
    "DONE  state: closed to other users: mode 0775 is now 0755; see what others may have put there",
    "DONE  ctrl-exec.key: closed to other users: mode 0644 is now 0640",
    "DONE  leftovers: removed 1 file of killed writes",
    "DONE  requests: dropped 1 pairing request",
    "DONE  state/learned.sqlite: removed, since it is damaged: what the hosts reported is learned again from their answers",
  ]);
  expect(control.log.of("doctor-fix")).toHaveLength(5);
  expect(readFileSync(inFolder(control, "ctrl-exec.key"), "utf8")).toBe(key);
  const before = contents(control.folder.path);
  const [again, rest] = await saidBy(control, "--fix");
  expect([again, rest.fixed]).toEqual([78, []]);
  expect(failures(control, rest)).toEqual(["ctrl-exec.conf", "auth_hook", "registry cut"]);
  expect(contents(control.folder.path)).toEqual(before);
  // What is left is the administrator's.
  const lines = readFileSync(control.config, "utf8").replace(/^(colour|auth_hook) .*\n/gm, "");
  control.folder.write("control/ctrl-exec.conf", lines);
  const [one, left] = await saidBy(control);
  expect([one, failures(control, left)]).toEqual([1, ["registry cut"]]);
});

test("a configuration that cannot be used is the only check, and a host without a CA is told what to do first", async () => {
  await using control = await ControlHost.create(SETTING);
  for (const name of [
    "ca.crt",
    "ca.key",
    "ctrl-exec.crt",
    "ctrl-exec.key",
    "credentials",
    "state",
  ]) {
    rmSync(inFolder(control, name), { recursive: true });
  }
  const [status, said] = await saidBy(control);
  expect(status).toBe(78);
  const [{ detail = "", remedy = "" } = {}] = said.checks.filter(({ ok }) => !ok);
  expect(detail).toBe("no such file: this control host has no CA yet");
  expect(remedy).toStartWith("set it up first: ctrl-exec setup-ca --config ");
  expect(existsSync(inFolder(control, "state"))).toBe(false);
  control.addLines(["pairing_max_queue = none"]);
  const broken = await control.run("doctor", ["--fix"]);
  expect(broken.status).toBe(78);
  expect(broken.out).toMatch(
    /^FAIL {2}ctrl-exec\.conf: Cannot use \S+: line \d+: pairing_max_queue = none: .*; correct it; ctrl-exec asset ctrl-exec.conf prints an example\n$/,
  );
});

test("a user who may not read all of it is told so, and changes nothing", async () => {
  await using control = await ControlHost.create(SETTING);
  await control.mustRun("maintain");
  leave(control, "credentials/.x.pem.0123456789ab.tmp", "key", 0o600);
  if (!asRoot) chmodSync(inFolder(control, "ca.key"), 0o000);
  const before = readdirSync(control.folder.path, { recursive: true }).sort();
  const options = asRoot ? { user: 65_534 } : {};
  for (const args of asRoot ? [[], ["--fix"]] : [[]]) {
    const { status, out } = await control.run("doctor", args, options);
    const sudo = `run it as root: sudo ctrl-exec doctor --config ${control.config}`;
    expect(out.split("\n")[0]).toBe(
      `FAIL  user: this user may not read and write everything that is to be checked; ${sudo}`,
    );
    expect(out).toContain("ca.key: permission denied");
    expect([status, out.includes("DONE")]).toEqual([78, false]);
  }
  expect(readdirSync(control.folder.path, { recursive: true }).sort()).toEqual(before);
});

test("an API that runs must be where its configuration says, and another program on its port is told", async () => {
  const port = freePort();
  await using control = await ControlHost.create([`api_port = ${port}`]);
  await control.mustRun("maintain");
  const api = async () => {
    const [, { checks }] = await saidBy(control);
    const { ok, detail } = checks.find(({ name }) => name === "ctrl-exec-api") ?? {};
    return [ok, detail];
  };
  expect(await api()).toEqual([true, "is not running"]);
  await using running = await TestApi.start(control);
  await until("it takes rollouts", async () => (await api())[1] !== "is not running");
  expect(await api()).toEqual([true, `runs, and listens on 127.0.0.1:${port}`]);
  const text = readFileSync(control.config, "utf8");
  const elsewhere = freePort();
  control.folder.write("control/ctrl-exec.conf", text.replace(`${port}`, `${elsewhere}`));
  const changed = "api_bind or api_port has changed since it was started";
  expect(await api()).toEqual([
    false,
    `runs, but nothing listens on 127.0.0.1:${elsewhere}: ${changed}`,
  ]);
  await running.running.stop();
  using _other = Bun.listen({
    hostname: "127.0.0.1",
    port: elsewhere,
    socket: { data: () => undefined },
  });
  expect(await api()).toEqual([
    false,
    `is not running, and another program has its port ${elsewhere}`,
  ]);
});

test("T10 kill -9 in the middle of --fix leaves a host that works, and the next one does the rest", async () => {
  await using control = await ControlHost.create(SETTING);
  const names = Array.from({ length: 500 }, (_, at) => {
    return `credentials/.x.pem.${String(at).padStart(12, "0")}.tmp`;
  });
  for (const name of names) leave(control, name, "key", 0o600);
  const left = () => names.filter((name) => existsSync(inFolder(control, name))).length;
  const fixing = new Running("ctrl-exec", control.withSetting(["doctor", "--fix"]));
  await until("some are gone", () => left() < names.length);
  await fixing.stop("SIGKILL");
  expect(left()).toBeLessThan(names.length);
  await control.mustRun("serial-status");
  await control.run("doctor", ["--fix"]);
  expect(left()).toBe(0);
  await control.mustRun("maintain");
  expect((await control.run("doctor")).status).toBe(0);
  expect(statSync(inFolder(control, "ctrl-exec.key")).mode & 0o777).toBe(0o600);
});
