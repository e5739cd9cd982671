/** How runs that nobody waits for have ended, as list-runs tells it without a `wait` or `status` before. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";

const WORK = 'touch "$1.here"; until [ -e "$1.go" ]; do sleep 0.05; done; touch "$1.gone"; exit 3';

let control: ControlHost;
let agent: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create();
  agent = await control.startAgent("web-01", { scripts: { work: WORK } });
  await control.startAgent("db-01", { scripts: { other: "exit 0" } });
});

afterAll(async () => await control[Symbol.asyncDispose]());

interface Listed {
  readonly reqid: string;
  readonly completed: string | null;
  readonly hosts: readonly { host: string; state: string; exit: number | null }[];
  readonly unheard?: readonly string[];
}

async function listed(reqid: string, ...args: readonly string[]): Promise<Listed | undefined> {
  const { out } = await control.mustRun("list-runs", ["--json", ...args]);
  return (JSON.parse(out) as Listed[]).find((run) => run.reqid === reqid);
}

/** A run of web-01 and perhaps others that was let go, and has begun. */
async function letGo(name: string, ...others: readonly string[]) {
  const mark = agent.path(name);
  const { out } = await control.run("run", ["web-01", ...others, "work", "--detach", "--", mark]);
  await until("the script runs", () => existsSync(`${mark}.here`));
  const end = async () => {
    control.folder.write(`web-01/${name}.go`, "");
    await until("the script is about to end", () => existsSync(`${mark}.gone`));
  };
  return { reqid: out.trim(), end };
}

test("it runs, and then it has failed: nobody asked in between", async () => {
  const { reqid, end } = await letGo("alone");
  expect(await listed(reqid)).toMatchObject({
    completed: null,
    hosts: [{ host: "web-01", state: "running", exit: null }],
  });
  expect(await listed(reqid, "--failed")).toBeUndefined();
  await end();
  await until("it is among the failures", async () => {
    return (await listed(reqid, "--failed")) !== undefined;
  });
  // It is recorded: nobody is asked.
  await agent.stop();
  const now = await listed(reqid);
  expect(now).toMatchObject({
    completed: expect.any(String),
    hosts: [{ state: "ended", exit: 3 }],
  });
  expect(now).not.toHaveProperty("unheard");
  await agent.serve();
});

test("one that a host has refused is a failure while another host runs it", async () => {
  const { reqid, end } = await letGo("refused", "db-01");
  const run = await listed(reqid, "--failed");
  expect(run).toMatchObject({ completed: null, hosts: [{ state: "running" }, { exit: -1 }] });
  await end();
  await control.run("wait", [reqid]);
});

test("an agent that cannot be asked: the run is named, and listed as it was known last", async () => {
  const { reqid, end } = await letGo("away");
  await agent.stop();
  const { out, err, status } = await control.run("list-runs", ["--limit", "1"]);
  expect(out).toContain("running");
  expect(err).toContain(`1 run may have ended: ${reqid} on web-01, which could not be asked now\n`);
  expect(err).toMatch(/^To see more of one: ctrl-exec status <reqid> --config \S+$/m);
  expect(status).toBe(0);
  expect(await listed(reqid)).toMatchObject({ unheard: ["web-01"] });
  await agent.serve();
  await end();
  await control.run("wait", [reqid]);
});

test.each([
  ["cancel", []],
  ["logs", ["--follow"]],
] as const)("%s records the end that it has learnt", async (mode, options) => {
  const { reqid, end } = await letGo(mode);
  if (mode === "logs") await end();
  await control.mustRun(mode, [reqid, ...options]);
  await agent.stop();
  const { out } = await control.run("status", [reqid, "--json"]);
  expect(JSON.parse(out).results).toMatchObject([{ host: "web-01", state: "ended" }]);
  await agent.serve();
});
