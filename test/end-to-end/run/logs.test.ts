/** What a script has printed, as people and scripts read it afterwards. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { programPath } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";

let control: ControlHost;

beforeAll(async () => {
  control = await ControlHost.create();
  const scripts = { talk: 'echo "out of $1"; printf "err \\377" >&2', quiet: "true" };
  await control.startAgent("web-01", { scripts });
  await control.startAgent("db-01", { scripts });
});

afterAll(async () => await control[Symbol.asyncDispose]());

async function ran(...args: readonly string[]): Promise<string> {
  const { out } = await control.run("run", ["--json", ...args]);
  return JSON.parse(out).results[0].reqid;
}

test("one host: the bytes as they are, each stream on its own", async () => {
  const reqid = await ran("web-01", "talk", "--", "web");
  const { out, errBytes, status } = await logsOf(reqid);
  expect({ out, status }).toEqual({ out: "out of web\n", status: 0 });
  expect(errBytes).toEqual(Buffer.from("err \u00ff", "latin1"));
});

test("--stderr: that alone, on stdout", async () => {
  const reqid = await ran("web-01", "talk", "--", "web");
  const { outBytes, err } = await logsOf(reqid, "--stderr");
  expect(outBytes).toEqual(Buffer.from("err \u00ff", "latin1"));
  expect(err).toBe("");
});

test("several hosts: whole lines after their names; one of them: its bytes", async () => {
  const reqid = await ran("web-01", "db-01", "talk", "--", "both");
  const { out, errBytes } = await logsOf(reqid);
  expect(out.split("\n").sort()).toEqual(["", "db-01  | out of both", "web-01 | out of both"]);
  expect(errBytes.toString("latin1").split("\n").sort()).toEqual([
    "",
    "db-01  | err \u00ff",
    "web-01 | err \u00ff",
  ]);
  expect((await logsOf(reqid, "db-01")).out).toBe("out of both\n");
});

test("whoever follows a run that is lost hears so, and whoever cancels it", async () => {
  const reqid = await ran("web-01", "talk", "--", "web");
  const file = `control/state/runs/${reqid}.json`;
  const record = JSON.parse(readFileSync(control.folder.join(file), "utf8"));
  Object.assign(record.results[0], { state: "lost", exit: -1, error: "the host went down" });
  control.folder.write(file, JSON.stringify(record));
  const { out, err } = await logsOf(reqid, "--follow");
  expect(out).toBe("out of web\n");
  expect(err).toEndWith("ctrl-exec: web-01: lost: the host went down\n");
  expect((await control.run("cancel", [reqid])).out).toBe("web-01: lost, nothing to cancel\n");
});

test("a script that says nothing", async () => {
  expect(await logsOf(await ran("web-01", "quiet"), "--follow")).toMatchObject({
    out: "",
    status: 0,
  });
});

test.each([
  ["0123456789abcdef", "Cannot find run 0123456789abcdef", 1],
  ["x", "a run's id is 16 hex digits", 2],
])("%s is refused", async (reqid, text, exit) => {
  const { err, status } = await logsOf(reqid);
  expect(err).toContain(text);
  expect(err).toContain("\nSee: ctrl-exec list-runs");
  expect(status).toBe(exit);
});

test("an id in upper case, and with the req: of a header; a host in its place", async () => {
  const reqid = await ran("web-01", "talk", "--", "copied");
  const copied = [`req:${reqid}`, reqid.toUpperCase()];
  for (const typed of copied) expect((await logsOf(typed)).out).toBe("out of copied\n");
  const { err, status } = await logsOf("web-01");
  expect(err).toContain("a run's id is 16 hex digits, and comes first: ctrl-exec logs <reqid>");
  expect(status).toBe(2);
});

test("a host that is not in the run is named, with those that are", async () => {
  const { err, status } = await logsOf(await ran("web-01", "quiet"), "db-01");
  expect(err).toMatch(
    /Cannot find db-01: it is not one of the hosts of run \w+\nIts hosts: web-01\n/,
  );
  expect(status).toBe(2);
});

async function logsOf(reqid: string, ...args: readonly string[]) {
  const argv = control.withSetting(["logs", reqid, ...args]);
  const { stdout, stderr, exitCode } = Bun.spawnSync([programPath("ctrl-exec"), ...argv]);
  return {
    out: stdout.toString(),
    outBytes: Buffer.from(stdout),
    err: stderr.toString(),
    errBytes: Buffer.from(stderr),
    status: exitCode,
  };
}
