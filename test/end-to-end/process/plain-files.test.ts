/** T74: a FIFO or a device where a file of ours should be is named or passed over, and never waited for. */
import { expect, test } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import { TestApi } from "../../support/api.ts";
import { ControlHost } from "../../support/fleet.ts";

const REQID = "0123456789abcdef";
const NOT_PLAIN = "it is not a plain file";

function fifo(path: string): void {
  rmSync(path, { force: true });
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
}

test("T74 FIFOs among the control host's records stop no command", async () => {
  await using control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  await control.startAgent("web-01", { scripts: { greet: "echo hello" } });
  const state = (name: string) => control.folder.join("control/state", name);
  await control.stopPairing();
  for (const folder of ["runs", "pairing", "locks", "agents"]) {
    mkdirSync(state(folder), { recursive: true });
  }
  fifo(state("agents/web-02.json"));
  fifo(state(`runs/${REQID}.json`));
  fifo(state(`pairing/${REQID}.json`));
  fifo(state(`pairing/${REQID}.denied`));
  fifo(state("locks/web-01--slow.lock"));
  const listed = await control.run("list-agents");
  expect(listed.out).toContain("web-01");
  expect(listed.err).toContain(`Cannot read ${state("agents/web-02.json")}: ${NOT_PLAIN}`);
  const run = await control.run("run", ["web-01", "web-02", "greet"]);
  expect(run.out).toContain("hello\n");
  expect(run.out).toContain(NOT_PLAIN);
  expect((await control.mustRun("list-requests", ["--json"])).out).toBe("[]\n");
  expect((await control.mustRun("list-locks", ["--json"])).out).toBe("[]\n");
  const taken = await control.run("run", ["web-01", "slow"]);
  expect(taken.err).toContain(`Cannot lock ${state("locks/web-01--slow.lock")}: ${NOT_PLAIN}`);
  const status = await control.run("status", [REQID]);
  expect([status.status, status.err]).toEqual([1, expect.stringContaining(NOT_PLAIN)]);
  await using api = await TestApi.start(control);
  expect((await api.get(`/status/${REQID}`)).status).toBe(500);
  expect((await api.get("/openapi-live.json")).status).toBe(200);
  await control.run("maintain");
  // An honest host is paired beside them.
  await (await control.addAgent("db-01")).pair();
});

test.each([
  ["control/ctrl-exec.key", "ping"],
  ["control/ctrl-exec.crt", "ping"],
  ["control/ca.crt", "ping"],
  ["control/ca.key", "rotate-cert"],
  ["control/state/rotation.json", "serial-status"],
  ["control/state/revoked-serials", "ping"],
])("T74 a FIFO in the place of %s is named, and %s ends", async (name, mode) => {
  await using control = await ControlHost.create();
  const path = control.folder.join(name);
  mkdirSync(control.folder.join("control/state"), { recursive: true });
  fifo(path);
  const { status, err } = await control.run(mode, mode === "ping" ? ["127.0.0.1:1"] : []);
  expect(err).toContain(`${path}: ${NOT_PLAIN}`);
  expect(status).not.toBe(0);
});

test.each(["agent.key", "ca.crt", "ctrl-exec-serial", "revoked-serials", "scripts.conf"])(
  "T74 an agent whose %s is a FIFO says so instead of waiting",
  async (name) => {
    await using control = await ControlHost.create();
    const agent = await control.addAgent("web-01");
    await agent.pair();
    fifo(agent.path(name));
    const { status, out } = await agent.run("self-check");
    expect(out).toContain(NOT_PLAIN);
    expect(status).not.toBe(0);
  },
);
