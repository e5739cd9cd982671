/** Waiting for a run that somebody else has started. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { Running } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";

let control: ControlHost;
let slow: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create();
  // Says that it runs, and ends with its second argument when it is told to.
  const work = 'touch "$1.here"; until [ -e "$1.go" ]; do sleep 0.05; done; echo "$1"; exit "$2"';
  slow = await control.startAgent("web-01", { scripts: { work } });
  await control.startAgent("db-01", { scripts: { work: "echo quick" } });
});

afterAll(async () => await control[Symbol.asyncDispose]());

/** A run that goes on until the file `go` is there. */
async function begun(name: string, status: number, hosts = ["web-01"]) {
  const mark = slow.path(name);
  const args = ["run", ...hosts, "work", "--", mark, `${status}`];
  const run = new Running("ctrl-exec", control.withSetting(args));
  await until("the script runs", () => existsSync(`${mark}.here`));
  const { out } = await control.mustRun("list-runs", ["--json", "--limit", "1"]);
  const reqid: string = JSON.parse(out)[0].reqid;
  const end = () => control.folder.write(`web-01/${name}.go`, "");
  return { run, reqid, mark, end };
}

test.each([
  [0, "OK", 0],
  [3, "FAIL", 1],
] as const)("it ends with the run: %d", async (exit, word, status) => {
  const { run, reqid, mark, end } = await begun(`exit-${exit}`, exit);
  const waiting = new Running("ctrl-exec", control.withSetting(["wait", reqid]));
  end();
  await run.child.exited;
  expect(await waiting.ended()).toBe(status);
  expect(waiting.out).toMatch(`==> web-01  [${word}  exit:${exit}  `);
  expect(waiting.out).toEndWith(`${mark}\n`);
  expect(waiting.err).toBe("");
  const again = await control.run("wait", [reqid, "--json"]);
  expect(again.status).toBe(status);
  expect(JSON.parse(again.out)).toMatchObject({ ok: 1, results: [{ host: "web-01", exit }] });
});

test("not in time: 124, who is out, and what has come", async () => {
  const { run, reqid, end } = await begun("late", 0, ["web-01", "db-01"]);
  const record = control.folder.join("control", "state", "runs", `${reqid}.json`);
  const recorded = () => JSON.parse(readFileSync(record, "utf8")).results;
  await until("the record has db-01", () => recorded().length === 1);
  const { out, err, status } = await control.run("wait", [reqid, "--timeout", "0"]);
  expect(status).toBe(124);
  expect(out).toMatch(/^==> db-01 {2}\[OK .*\]\nquick\n$/);
  expect(err).toBe(
    `Still running (or not answered): web-01. To wait again: ctrl-exec wait ${reqid} --config ${control.config}\n`,
  );
  end();
  expect(await run.child.exited).toBe(0);
});

test("Ctrl-C leaves, and the run goes on", async () => {
  const { run, reqid, end } = await begun("left", 0);
  const asked = () => control.log.of("auth").filter(({ fields }) => fields.AUTHACTION === "read");
  const before = asked().length;
  const waiting = new Running("ctrl-exec", control.withSetting(["wait", reqid]));
  await until("it waits", () => asked().length > before);
  waiting.child.kill("SIGINT");
  await waiting.ended();
  expect(waiting.child.signalCode).toBe("SIGINT");
  expect(waiting.err).toStartWith("Still running (or not answered): web-01. To wait again");
  end();
  expect(await run.child.exited).toBe(0);
  expect((await control.run("wait", [reqid])).status).toBe(0);
});

test.each([
  [["0123456789abcdef"], "Cannot find run 0123456789abcdef: no such run", 1],
  [["x"], `Cannot find run "x": a run's id is 16 hex digits`, 2],
  [
    ["0123456789abcdef", "--timeout", "soon"],
    "--timeout takes 0 to 2000000 seconds, or a time such as",
    2,
  ],
] as const)("%p is refused", async (args, text, exit) => {
  const { err, status } = await control.run("wait", args);
  expect(err).toContain(text);
  expect(status).toBe(exit);
});
