/** The list of recorded runs, as people and scripts ask for it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { ControlHost } from "../../support/fleet.ts";

let control: ControlHost;

beforeAll(async () => {
  control = await ControlHost.create();
  const scripts = { hello: "echo hello", fail: "exit 3" };
  await control.startAgent("web-01", { scripts });
  await control.startAgent("db-01", { scripts });
  await control.mustRun("run", ["web-01", "db-01", "hello", "--username", "alice"]);
  await control.run("run", ["web-01", "fail", "--username", "bob"]);
  await control.run("run", ["db-01", "no-such-script", "--username", "alice"]);
});
afterAll(async () => await control[Symbol.asyncDispose]());

/** Script and result of each row. */
async function listed(...args: readonly string[]): Promise<string[]> {
  const { out, status } = await control.run("list-runs", args);
  expect(status).toBe(0);
  const rows = out.trimEnd().split("\n").slice(2);
  return rows.map((row) => row.split(/ {2,}/).slice(3).join(" "));
}

const HELLO = "hello 2 hosts ok";
const FAIL = "fail web-01 failed";
const REFUSED = "no-such-script db-01 never-ran";

test.each([
  ["newest first", [], [REFUSED, FAIL, HELLO]],
  ["a limit", ["--limit", "1"], [REFUSED]],
  ["a host", ["--host", "web-01"], [FAIL, HELLO]],
  ["a host and failures", ["--host", "db-01", "--failed"], [REFUSED]],
  ["a pattern", ["--host", "web-*"], [FAIL, HELLO]],
  ["two hosts, of which one was never registered", ["--host", "db-01,mail-01"], [REFUSED, HELLO]],
  ["all hosts but one, and failures", ["--host", "@all!web-01", "--failed"], [REFUSED]],
  ["a script", ["--script", "hello"], [HELLO]],
  ["a user", ["--user", "bob"], [FAIL]],
  ["failures", ["--failed"], [REFUSED, FAIL]],
  ["since an hour ago", ["--since", "1h"], [REFUSED, FAIL, HELLO]],
] as const)("%s", async (_, args, rows) => {
  expect(await listed(...args)).toEqual([...rows]);
});

test.each([
  ["web-[", 'Cannot read the hosts "web-[": [ is not closed'],
  ["mail-*", 'Cannot find any host: no host matches "mail-*"'],
  ["web-[01-02]", "Cannot find host web-02: nothing is registered under that name"],
  ["@al", "@al has no meaning; did you mean @all?"],
])("--host %s is refused, as in run", async (host, words) => {
  const { out, err, status } = await control.run("list-runs", ["--host", host]);
  expect([status, out]).toEqual([2, ""]);
  expect(err).toContain(words);
});

test("nothing that fits", async () => {
  const { out, err, status } = await control.run("list-runs", ["--since", "2999-01-01"]);
  expect({ out: out.split("\n")[0], err, status }).toEqual({
    out: "",
    err: "No recorded run matches.\n",
    status: 0,
  });
});

test("--json has every host", async () => {
  const { out } = await control.mustRun("list-runs", ["--json", "--script", "hello"]);
  expect(JSON.parse(out)).toEqual([
    {
      reqid: expect.stringMatching(/^[0-9a-f]{16}$/),
      script: "hello",
      submitter: "alice",
      started: expect.stringMatching(/^\d{4}-.*Z$/),
      completed: expect.stringMatching(/^\d{4}-.*Z$/),
      hosts: [
        { host: "web-01", state: "ended", exit: 0, failed: false },
        { host: "db-01", state: "ended", exit: 0, failed: false },
      ],
    },
  ]);
});

test.each([
  [["--since", "yesterday"], "--since takes 90s"],
  [["--since", "2026-02-30"], "--since takes 90s"],
  [["--limit", "0"], "--limit takes a whole number"],
])("%p is refused", async (args, text) => {
  const { err, status } = await control.run("list-runs", args);
  expect(err).toContain(text);
  expect(status).toBe(2);
});

test("a damaged record is named, and the others are listed", async () => {
  control.folder.write("control/state/runs/00000000000000aa.json", "{ cut", 0o640);
  const { out, err, status } = await control.run("list-runs");
  expect(out.trimEnd().split("\n")).toHaveLength(5);
  expect(err).toContain("1 record is damaged, and not listed: 00000000000000aa\n");
  expect(status).toBe(1);
});
