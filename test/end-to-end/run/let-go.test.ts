/** Runs that are let go: their agents keep them, and whoever comes back finds every byte. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { Running } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";

/** Says that it runs, prints a line, and goes on until it is told to end. */
const WORK =
  'touch "$1.here"; echo "begun"; until [ -e "$1.go" ]; do sleep 0.05; done; echo "done"; exit 3';

let control: ControlHost;
let agent: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create();
  agent = await control.startAgent("web-01", { scripts: { work: WORK, quick: "echo quick" } });
});

afterAll(async () => await control[Symbol.asyncDispose]());

/** A run that was let go, and has begun. */
async function letGo(name: string, ...options: readonly string[]) {
  const mark = agent.path(name);
  const args = ["web-01", "work", "--detach", ...options, "--", mark];
  const { out, err } = await control.mustRun("run", args);
  expect(err).toBe("");
  expect(out).toMatch(/^[0-9a-f]{16}\n$/);
  await until("the script runs", () => existsSync(`${mark}.here`));
  const end = () => control.folder.write(`web-01/${name}.go`, "");
  return { reqid: out.trim(), end };
}

test("--detach: the id alone; then status, logs and wait, from the agent", async () => {
  const { reqid, end } = await letGo("detached");
  const status = await control.run("status", [reqid]);
  expect(status.out).toMatch(/^==> web-01 {2}\[RUNNING {2}.*req:\w+\]\n$/);
  expect(status.status).toBe(1);
  expect((await control.mustRun("logs", [reqid])).out).toBe("begun\n");
  const late = await control.run("wait", [reqid, "--timeout", "0"]);
  expect([late.status, late.out]).toEqual([124, ""]);
  const follow = new Running("ctrl-exec", control.withSetting(["logs", reqid, "--follow"]));
  await until("the first line is there", () => follow.out === "begun\n");
  end();
  expect(await follow.ended()).toBe(0);
  expect(follow.out).toBe("begun\ndone\n");
  const waited = await control.run("wait", [reqid]);
  expect(waited.status).toBe(1);
  expect(waited.out).toMatch(/^==> web-01 {2}\[FAIL {2}exit:3 .*\]\nbegun\ndone\n$/);
  // From now on it is recorded, and nobody is asked.
  await agent.stop();
  expect((await control.run("status", [reqid])).out).toContain("exit:3");
  expect((await control.mustRun("logs", [reqid])).out).toBe("begun\ndone\n");
  await agent.serve();
});

test("a host that was not asked yet is queued", async () => {
  const hook = control.folder.script(
    "web-02/hook.sh",
    `until [ -e ${control.folder.join("web-02", "may")} ]; do sleep 0.02; done`,
  );
  await control.startAgent("web-02", { scripts: { work: WORK }, config: [`auth_hook = ${hook}`] });
  const mark = control.folder.join("queued");
  const args = ["web-02", "web-01", "work", "--detach", "--", mark];
  const config = control.folder.write(
    "control/narrow.conf",
    `${readFileSync(control.config, "utf8")}max_parallel = 1\n`,
  );
  const own = ["--config", config, "--log", control.log.path];
  const letGo = new Running("ctrl-exec", ["run", ...args.slice(0, -2), ...own, "--", mark]);
  let reqid = "";
  await until("it is recorded", async () => {
    const { out } = await control.mustRun("list-runs", ["--json", "--host", "web-02"]);
    reqid = JSON.parse(out)[0]?.reqid ?? "";
    return reqid !== "";
  });
  const states = async () => {
    const { out } = await control.run("status", [reqid, "--json"]);
    const { results } = JSON.parse(out) as { results: { host: string; state: string }[] };
    return results.map(({ host, state }) => `${host} ${state}`);
  };
  await until("both wait", async () => {
    return (await states()).join() === "web-02 queued,web-01 queued";
  });
  control.folder.write("web-02/may", "");
  expect(await letGo.ended()).toBe(0);
  expect(await states()).toEqual(["web-02 running", "web-01 running"]);
  control.folder.write("queued.go", "");
  expect((await control.run("wait", [reqid])).status).toBe(1);
});

test("the agent refuses the script while it runs, and names the run", async () => {
  const { reqid, end } = await letGo("locked");
  const second = await control.run("run", ["web-01", "work", "--", agent.path("second")]);
  expect(second.status).toBe(1);
  expect(second.out).toContain(`ERROR: locked: it runs there already, as run ${reqid}\n`);
  const way = `Run ${reqid} is in the way.\nTo wait for it: ctrl-exec wait ${reqid}`;
  expect(second.err).toContain(way);
  const json = await control.run("run", ["web-01", "work", "--json", "--", agent.path("third")]);
  expect(JSON.parse(json.out).hint).toStartWith(way);
  expect(second.out).toContain("STATE: never-ran\n");
  end();
  await control.run("wait", [reqid]);
});

test("cancel ends it, and its result says who asked", async () => {
  const { reqid } = await letGo("cancelled");
  const follow = new Running("ctrl-exec", control.withSetting(["logs", reqid, "--follow"]));
  await until("the first line is there", () => follow.out === "begun\n");
  const cancelled = await control.run("cancel", [reqid, "--username", "alice"]);
  expect(cancelled).toMatchObject({ out: "web-01: ended\n", err: "", status: 0 });
  const { out, status } = await control.run("wait", [reqid, "--json"]);
  expect(status).toBe(1);
  expect(JSON.parse(out).results).toMatchObject([
    { state: "ended", stdout: "begun\n", cancelled: true, cancelled_by: "alice" },
  ]);
  expect(await follow.ended()).toBe(0);
  expect(follow.err).toBe("ctrl-exec: web-01: cancelled by alice (SIGTERM)\n");
  const shown = await control.run("status", [reqid]);
  expect(shown.out).toMatch(
    / {4}ERROR: cancelled by alice \(SIGTERM\)\n {4}TIME: started at \S+, ended at \S+\nbegun\n/,
  );
  expect(shown.out).not.toContain("killed by");
  const listed = await control.mustRun("list-runs", ["--failed", "--limit", "1"]);
  expect(listed.out).toMatch(new RegExp(`^${reqid} .* cancelled$`, "m"));
  const again = await control.run("cancel", [reqid]);
  expect(again).toMatchObject({ out: "web-01: not running\n", status: 0 });
});

test("--timeout ends it on its host", async () => {
  const { reqid } = await letGo("bounded", "--timeout", "1");
  const { out } = await control.run("wait", [reqid, "--json"]);
  expect(JSON.parse(out).results).toMatchObject([{ state: "ended", timed_out: true }]);
});

test("a host that does not take it is named, and the id is printed all the same", async () => {
  const { out, err, status } = await control.run("run", ["web-01", "no-such", "--detach"]);
  expect(out).toMatch(/^[0-9a-f]{16}\n$/);
  expect(err).toStartWith(
    "ctrl-exec: web-01 did not accept the run: script not permitted: list no-such in that host's scripts.conf",
  );
  expect(status).toBe(1);
});

test("a process that is killed loses nothing", async () => {
  const mark = agent.path("killed");
  const args = control.withSetting(["run", "web-01", "work", "--", mark]);
  const run = new Running("ctrl-exec", args);
  await until("the script runs", () => existsSync(`${mark}.here`));
  run.child.kill("SIGKILL");
  await run.ended();
  const { out } = await control.mustRun("list-runs", ["--json", "--limit", "1"]);
  const { reqid } = JSON.parse(out)[0];
  control.folder.write("web-01/killed.go", "");
  const waited = await control.run("wait", [reqid]);
  expect(waited.out).toMatch(/^==> web-01 {2}\[FAIL {2}exit:3 .*\]\nbegun\ndone\n$/);
});

test("two ways to show a run cannot be used together", async () => {
  const { err, status } = await control.run("run", ["web-01", "quick", "--detach", "--json"]);
  expect(err).toContain("--json and --detach cannot be used together");
  expect(status).toBe(2);
});
