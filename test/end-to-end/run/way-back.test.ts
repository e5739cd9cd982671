/** Runs that go on without whoever began them: every face says how to come back, and there is a way back. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { TestApi } from "../../support/api.ts";
import { Running } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { LateNetwork } from "../../support/late-network.ts";
import { parseFields } from "../../support/log-socket.ts";

let control: ControlHost;
let agent: TestAgent;

/** Each has a name of its own: a script that goes on keeps others of its name out. */
const NAMES = ["plain", "no-live", "json", "api", "forgotten"] as const;

beforeAll(async () => {
  control = await ControlHost.create([
    "read_timeout = 1",
    "api_port = 0",
    "api_auth_default = allow",
  ]);
  const work = 'echo begun; : >"$1.here"; until [ -e "$1.go" ]; do sleep 0.05; done; echo done';
  const scripts = Object.fromEntries(NAMES.map((name) => [name, work]));
  agent = await control.startAgent("web-01", {
    scripts: { ...scripts, mark: `: >${control.folder.join("marked")}` },
  });
});

afterAll(async () => {
  for (const name of NAMES) control.folder.write(`web-01/${name}.go`, "");
  await control[Symbol.asyncDispose]();
});

function linesFor(reqid: string): string {
  const command = (mode: string) => `ctrl-exec ${mode} ${reqid} --config ${control.config}`;
  return [
    `To wait for it: ${command("wait")}`,
    `Its output: ${command("logs")}`,
    `To end it: ${command("cancel")}`,
  ].join("\n");
}

/** It goes on, and its end is found. */
async function comesBack(name: string, reqid: string): Promise<void> {
  expect((await control.mustRun("logs", [reqid])).out).toBe("begun\n");
  control.folder.write(`web-01/${name}.go`, "");
  const { out } = await control.mustRun("wait", [reqid]);
  expect(out).toMatch(/^==> web-01 {2}\[OK .*\]\nbegun\ndone\n$/);
}

describe("after a read timeout", () => {
  test.each([
    ["plain", []],
    ["no-live", ["--no-live"]],
  ] as const)("%s: stderr says so", async (name, options) => {
    const order = ["web-01", name, ...options, "--", agent.path(name)];
    const { out, err, status } = await control.run("run", order);
    expect(status).toBe(1);
    const [, reqid = ""] =
      /^==> web-01 {2}\[FAIL {2}exit:-1 .*req:(\w+)\]\n {4}ERROR: read timeout after 1s\n {4}STATE: running\n$/.exec(
        out,
      ) ?? [];
    expect(err).toBe(`${linesFor(reqid)}\n`);
    await comesBack(name, reqid);
  });

  test("--json: the answer too", async () => {
    const order = ["web-01", "json", "--json", "--", agent.path("json")];
    const { out, err, status } = await control.run("run", order);
    expect(status).toBe(1);
    const { results, hint } = JSON.parse(out);
    expect(results).toMatchObject([{ state: "running", error: "read timeout after 1s" }]);
    const [{ reqid }] = results;
    expect(hint).toBe(linesFor(reqid));
    expect(err).toBe(`${linesFor(reqid)}\n`);
    await comesBack("json", reqid);
  });

  test("the API: what to ask of it", async () => {
    await using api = await TestApi.start(control);
    const order = { hosts: ["web-01"], script: "api", args: [agent.path("api")] };
    const { json } = await api.post("/run", order);
    const { reqid, results, hint } = json as Record<string, string>;
    expect(results).toMatchObject([{ state: "running", error: "read timeout after 1s" }]);
    expect(hint).toBe(
      `Ask again with GET /status/${reqid}, or follow it with GET /runs/${reqid}/events; end it with POST /runs/${reqid}/cancel.`,
    );
    control.folder.write("web-01/api.go", "");
    await until("it has ended", async () => {
      const { json: told } = await api.get(`/status/${reqid}`);
      return (told as { complete: boolean }).complete;
    });
  });
});

test("a result needs no way back", async () => {
  const { out, err } = await control.mustRun("run", ["web-01", "mark", "--json"]);
  expect(err).toBe("");
  expect(Object.keys(JSON.parse(out))).toEqual(["ok", "results"]);
});

describe("a request that did not arrive in time", () => {
  async function unanswered(network: LateNetwork): Promise<string> {
    rmSync(control.folder.join("marked"), { force: true });
    const order = [`127.0.0.1:${network.port}`, "mark", "--json"];
    const { out, err } = await control.run("run", order);
    const [{ reqid, state }] = JSON.parse(out).results;
    expect(state).toBe("unknown");
    expect(err).toEndWith(`${linesFor(reqid)}\n`);
    return reqid;
  }

  /** The agent would refuse it: it has not run, and does not run later. */
  async function expectNever(
    network: LateNetwork,
    reqid: string,
    REASON: unknown = "this run was cancelled, or given up, before it came here",
  ): Promise<void> {
    const { out, err } = await control.run("wait", [reqid, "--json"]);
    expect(JSON.parse(out).results).toMatchObject([
      {
        exit: -1,
        state: "never-ran",
        error: "the request never reached its agent, which would now refuse it",
      },
    ]);
    expect(err).toBe("");
    network.deliver();
    // Where a command takes seconds to start, the agent may have closed that connection.
    const refusal = () => new RegExp(`ACTION=deny .*REQID=${reqid}.*`).exec(agent.serving.err);
    await until("it is refused", () => refusal() !== null || network.isTooLate);
    const [line] = refusal() ?? [];
    if (line !== undefined) {
      expect(parseFields(line)).toMatchObject({ REASON, SCRIPT: "mark" });
    }
    expect(existsSync(control.folder.join("marked"))).toBe(false);
  }

  test("never ran, as soon as its agent can be asked, and does not run when it comes", async () => {
    using network = await LateNetwork.to(agent.port);
    const reqid = await unanswered(network);
    await expectNever(network, reqid);
    expect(agent.serving.err).toMatch(new RegExp(`ACTION=withdraw PEER=\\S+ REQID=${reqid}\n`));
  });

  test("nor when it was cancelled meanwhile", async () => {
    using network = await LateNetwork.to(agent.port);
    const reqid = await unanswered(network);
    const { out, status } = await control.run("cancel", [reqid]);
    expect([out, status]).toEqual(["127.0.0.1: will not start\n", 0]);
    const cancelled = /^this run was cancelled by \S+ before it came here$/;
    await expectNever(network, reqid, expect.stringMatching(cancelled));
  });
});

test("an agent that has lost its runs: the script has begun, and is lost, not unknown", async () => {
  const mark = agent.path("forgotten");
  const order = ["run", "web-01", "forgotten", "--json-stream", "--", mark];
  const run = new Running("ctrl-exec", control.withSetting(order));
  await run.outSeen(/"event":"start"/);
  // As if it had been installed anew.
  await agent.stop("SIGKILL");
  rmSync(agent.path("jobs"), { recursive: true });
  await agent.serve();
  expect(await run.ended()).toBe(1);
  const events = run.out.trimEnd().split("\n");
  const [end, summary] = events.slice(-2).map((line) => JSON.parse(line));
  expect(end).toMatchObject({ event: "end", exit: -1, state: "running", error: "no such run" });
  expect(summary).toMatchObject({ event: "summary", hint: linesFor(end.reqid) });
  // Where the agent takes its time to start again, this is said before.
  expect(run.err).toEndWith(`${linesFor(end.reqid)}\n`);
  const waited = await control.run("wait", [end.reqid]);
  expect(waited.out).toContain("    ERROR: its agent does not know this run any more\n");
  expect(waited.out).toContain("    STATE: lost: ");
  expect(waited.err).toBe("");
  control.folder.write("web-01/forgotten.go", "");
});
