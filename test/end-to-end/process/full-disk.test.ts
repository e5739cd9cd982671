/** T22: what each program does when nothing more can be written. Rotation and renewal: controller-files. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { TestApi } from "../../support/api.ts";
import { programPath, Running, runCommand } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { contents, until } from "../../support/folder.ts";

const UPDATE = `update-ctrl-exec-serial = ${programPath("update-ctrl-exec-serial")}`;
const AGENT = { allowlist: [UPDATE], scripts: { greet: "echo hello" } };
const FULL = { blocks: 0 };

test("T22 each command of the control host names the file and changes nothing", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", AGENT);
  const folder = control.folder.join("control");
  const port = await control.pairingPort();
  const other = await control.addAgent("web-02", AGENT);
  const waiting = other.run("request-pairing", other.pairingArgs(port));
  const id = await control.requestFor("web-02");
  const commands: readonly (readonly [string, ...string[]])[] = [
    ["edit-agent", "web-01", "--lookup-by=ip"],
    ["unpair", "web-01", "--revoke"],
    ["setup-ctrl-exec", "--yes"],
    ["approve", id, "--lookup-by=ip"],
    ["deny", id],
  ];
  const before = contents(folder);
  for (const [mode, ...args] of commands) {
    const { status, out, err } = await control.run(mode, args, FULL);
    expect(err).toMatch(new RegExp(`Cannot write ${folder}/\\S+: `));
    expect(out).toBe("");
    expect(status).toBe(1);
    expect(contents(folder)).toEqual(before);
  }
  await control.mustRun("run", ["web-01", "greet"]);
  // There is room again: all goes on where it stood.
  await control.mustRun("approve", [id, "--lookup-by=ip"]);
  expect((await waiting).status).toBe(0);
  await other.serve();
  await control.mustRun("run", [agent.name, other.name, "greet"]);
});

test("T22 runs go on, from the command line and over HTTP, and hold no lock afterwards", async () => {
  await using control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  await control.startAgent("web-01", AGENT);
  const { err } = await control.mustRun("run", ["web-01", "greet"], FULL);
  expect(err).toMatch(/^ctrl-exec: Cannot keep all of the record of run [0-9a-f]{16}: /);
  await using api = await TestApi.start(control, "http", {}, FULL);
  for (let time = 0; time < 2; time++) {
    const { json } = await api.post("/run", { hosts: ["web-01"], script: "greet" });
    expect(json).toMatchObject({ ok: true, results: [{ exit: 0, stdout: "hello\n" }] });
    expect(json).toMatchObject({ recorded: false });
  }
  expect(api.logged("run-store-fail")).not.toEqual([]);
  await control.mustRun("run", ["web-01", "greet"]);
});

test("T22 setup-ca leaves nothing that stands in its own way", async () => {
  await using control = await ControlHost.create();
  for (const file of ["ca.key", "ca.crt"]) {
    await Bun.file(control.folder.join("control", file)).delete();
  }
  const before = contents(control.folder.join("control"));
  const { status, err } = await control.run("setup-ca", [], FULL);
  expect(err).toMatch(/Cannot write \S+ca\.key: /);
  expect(status).toBe(1);
  expect(contents(control.folder.join("control"))).toEqual(before);
  await control.mustRun("setup-ca");
});

test("T22 an approval whose answer does not fit is tried again, and the agent gets it", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", AGENT);
  const waiting = agent.run("request-pairing", agent.pairingArgs(await control.pairingPort()));
  const id = await control.requestFor("web-01");
  // Room for a record, not for two certificates.
  const { status, err } = await control.run("approve", [id, "--lookup-by=ip"], { blocks: 1 });
  expect(err).toMatch(new RegExp(`Cannot write \\S+/pairing/${id}\\.approved: `));
  expect(status).toBe(1);
  await control.mustRun("approve", [id, "--lookup-by=ip"]);
  expect((await waiting).status).toBe(0);
  await agent.serve();
  await control.mustRun("run", ["web-01", "greet"]);
});

test("T22 pairing-mode that cannot keep a request says so, and goes on", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", AGENT);
  const pairing = new Running("ctrl-exec", control.withSetting(["pairing-mode"]), FULL);
  const [, port] = await pairing.seen(/Waiting for pairing requests on port (\d+)/);
  for (let time = 0; time < 2; time++) {
    const { status, err } = await agent.run("request-pairing", agent.pairingArgs(Number(port)));
    expect(status).toBe(1);
    expect(err).toContain("closed the connection");
    const { fields } = await control.log.seen("pair-reject");
    expect(fields.REASON).toMatch(/Cannot write \S+\/pairing\/[0-9a-f]{16}\.json/);
  }
  expect(contents(agent.path(""))).not.toHaveProperty(agent.path("agent.crt"));
  expect(await pairing.stop()).toBe(0);
  await agent.pair();
});

test("T22 an agent that cannot store a pairing asks nobody, and keeps its old identity", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", AGENT);
  const before = contents(agent.path(""));
  const port = await control.pairingPort();
  const { status, err } = await agent.run("request-pairing", agent.pairingArgs(port), FULL);
  expect(err).toContain(`Cannot write ${agent.path("")}`);
  expect(status).toBe(1);
  expect(contents(agent.path(""))).toEqual(before);
  expect((await control.mustRun("list-requests", ["--json"])).out).toBe("[]\n");
  await control.mustRun("run", ["web-01", "greet"]);
});

test("T22 an agent that cannot store the controller's new serial is pending, and works", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", AGENT);
  await agent.pair();
  const before = contents(agent.path(""));
  await agent.serve(FULL);
  const { out } = await control.mustRun("rotate-cert", ["--json"]);
  expect(JSON.parse(out)).toMatchObject({
    confirmed: [],
    pending: [{ host: "web-01", error: expect.stringMatching(/Cannot write \S+ctrl-exec-serial/) }],
  });
  expect(contents(agent.path(""))).toEqual(before);
  await control.mustRun("run", ["web-01", "greet"]);
  await agent.stop();
  await agent.serve();
  expect(JSON.parse((await control.mustRun("maintain", ["--json"])).out).confirmed).toEqual([
    "web-01",
  ]);
  await control.mustRun("run", ["web-01", "greet"]);
});

const NOT_RECORDED = {
  ok: false,
  error: "not recorded",
  detail: "Cannot start the run: its record cannot be written",
  hint: expect.stringContaining("Nothing was sent to any host"),
};

test("T22 a run that nobody waits for is refused when it cannot be recorded, and does not run", async () => {
  await using control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  const ran = control.folder.join("ran");
  await control.startAgent("web-01", { scripts: { mark: `echo x >>${ran}` } });
  await using api = await TestApi.start(control, "http", {}, FULL);
  const order = { hosts: ["web-01"], script: "mark", wait: false };
  for (let time = 0; time < 2; time++) {
    const { status, json, headers } = await api.post("/run", order);
    expect([status, json, headers.get("location")]).toEqual([507, NOT_RECORDED, null]);
  }
  expect(api.logged("dispatch")).toEqual([]);
  expect(existsSync(ran)).toBe(false);
  // No lock is left: somebody who waits may run it.
  expect((await api.post("/run", { ...order, wait: true })).status).toBe(200);
  expect(existsSync(ran)).toBe(true);
});

/** The record of a run once it is complete. `/status` would ask the agent for what it lacks. */
async function recordOf(control: ControlHost, json: unknown): Promise<unknown> {
  const { reqid } = json as { reqid: string };
  const file = control.folder.join(`control/state/runs/${reqid}.json`);
  let record: { complete?: boolean } = {};
  await until("the run is complete", () => {
    record = JSON.parse(readFileSync(file, "utf8"));
    return record.complete === true;
  });
  return record;
}

test("T22 a disk that fills up while a run is on: its record says how each host ended", async () => {
  await using control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  const scripts = {
    much: "head -c 100000 /dev/zero | tr '\\0' x; exit 3",
    less: "echo done; head -c 50000 /dev/zero | tr '\\0' x >&2",
  };
  await control.startAgent("web-01", { scripts });
  // Room for a record without outputs; the first of a run has more than its last then needs.
  await using api = await TestApi.start(control, "http", {}, { blocks: 8 });
  const start = async (script: string) => {
    const { status, json } = await api.post("/run", { hosts: ["web-01"], script });
    expect(status).toBe(200);
    return await recordOf(control, json);
  };
  expect(await start("much")).toMatchObject({
    results: [{ host: "web-01", exit: 3, stdout: "", stdout_dropped: 100_000 }],
  });
  expect(await start("less")).toMatchObject({
    results: [{ host: "web-01", exit: 0, stdout: "", stdout_dropped: 5, stderr_dropped: 50_000 }],
  });
  await until("both are in the log", () => api.logged("run-store-fail").length >= 2);
});

test("T22 an API that is killed while a run is on: the next one says what its host knows", async () => {
  await using control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  const [here, go] = [control.folder.join("here"), control.folder.join("go")];
  const scripts = { wait: `touch ${here}; until [ -e ${go} ]; do sleep 0.05; done` };
  await control.startAgent("web-01", { scripts });
  const first = await TestApi.start(control);
  const order = { hosts: ["web-01"], script: "wait", wait: false };
  const { reqid } = (await first.post("/run", order)).json as { reqid: string };
  await until("the script runs", () => existsSync(here));
  await first.stop("SIGKILL");
  await using api = await TestApi.start(control);
  const known = async () => (await api.get(`/status/${reqid}`)).json as { complete: boolean };
  expect(await known()).toMatchObject({ complete: false, pending: ["web-01"] });
  writeFileSync(go, "");
  await until("its end is known", async () => (await known()).complete);
  expect(await known()).toMatchObject({ results: [{ host: "web-01", exit: 0, state: "ended" }] });
});

test.each(["> /dev/full", ">&-"])(
  "T22 a run whose output is lost (%s) says that it ran, and where its results are",
  async (lost) => {
    await using control = await ControlHost.create();
    await control.startAgent("web-01", AGENT);
    for (const option of [[], ["--json"]]) {
      const args = control.withSetting(["run", "web-01", "greet", ...option]);
      const command = [programPath("ctrl-exec"), ...args];
      const { status, err } = await runCommand(["sh", "-c", `exec "$@" ${lost}`, "sh", ...command]);
      expect(status).toBe(1);
      const [, reqid = ""] =
        /^ctrl-exec: Cannot write to standard output: .*\nRun ([0-9a-f]{16}) was carried out all the same\. Its results: ctrl-exec status \1 --config \S+\n$/.exec(
          err,
        ) ?? [err];
      const record = await control.run("status", [reqid, "--json"]);
      expect(JSON.parse(record.out)).toMatchObject({ results: [{ exit: 0, stdout: "hello\n" }] });
    }
  },
);
