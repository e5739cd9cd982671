/** Hosts that open no port: everything that a control host does with them goes through its hub. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { freePort } from "../../../src/system/net/free-port.ts";
import { listeners } from "../../../src/system/net/listeners.ts";
import { TestApi } from "../../support/api.ts";
import { Running } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { Gate, passes } from "../../support/gate.ts";

let control: ControlHost;
let api: TestApi;
let edge: TestAgent;
const hubPort = freePort();
const HUB = `127.0.0.1:${hubPort}`;

beforeAll(async () => {
  control = await ControlHost.create([
    "api_port = 0",
    "api_auth_default = allow",
    "hub = on",
    "join = on",
    "hub_bind = 127.0.0.1",
    `hub_port = ${hubPort}`,
  ]);
  api = await TestApi.start(control);
  edge = await control.startAgent("edge-01", {
    config: ["listen = no", `connect = ${HUB}`],
    scripts: {
      hello: 'echo "hello $1"; echo oops >&2; exit 3',
      waits: `echo begun; ${passes("$1")}; echo done`,
      context: "cat",
    },
  });
  await edge.serving.seen(/ACTION=hub-up/);
});

afterAll(async () => {
  await api?.stop();
  await control[Symbol.asyncDispose]();
});

test("a host that opens no port is pinged through the hub, and the screen says so", async () => {
  expect(listeners()?.some(({ port }) => port === edge.port)).toBe(false);
  const { out, err, status } = await control.run("ping", ["edge-01"]);
  expect([err, status]).toEqual(["", 0]);
  expect(out).toMatch(/^HOST .* WAY/);
  expect(out).toMatch(new RegExp(`^edge-01 +ok .* hub ${HUB} since 20\\d\\d-\\S+Z$`, "m"));
});

test("its output, its errors and its exit status come whole", async () => {
  const { out, err, status } = await control.run("run", [
    "edge-01",
    "hello",
    "--json",
    "--",
    "world",
  ]);
  expect(err).toBe("");
  expect(JSON.parse(out).results[0]).toMatchObject({
    stdout: "hello world\n",
    stderr: "oops\n",
    exit: 3,
  });
  expect(status).not.toBe(0);
});

test("the log of the agent says by which hub a caller came, in every line about it", async () => {
  await control.run("run", ["edge-01", "hello"]);
  const ended = await edge.serving.seen(/ACTION=run EXIT=3 .*/);
  expect(ended[0]).toContain(`VIA=${HUB}`);
  expect(ended[0]).toContain("PEER=127.0.0.1");
});

test("a script is told so as well", async () => {
  const { out } = await control.run("run", ["edge-01", "context", "--json"]);
  const context = JSON.parse(JSON.parse(out).results[0].stdout);
  expect(context).toMatchObject({ hub: HUB, peer_ip: "127.0.0.1" });
});

test("a run is followed as it goes, and can be cancelled", async () => {
  using gate = await Gate.shut(control.folder.join("gate"));
  const args = control.withSetting(["run", "edge-01", "waits", "--json-stream", "--", gate.path]);
  const running = new Running("ctrl-exec", args);
  const [, reqid = ""] = await running.outSeen(/"data":"begun\\n".*|"reqid":"([0-9a-f]{16})"/);
  await running.outSeen(/"data":"begun\\n"/);
  const { out, status } = await control.run("cancel", [reqid, "--json"]);
  expect(JSON.parse(out)).toMatchObject({ ok: 1, results: [{ host: "edge-01", status: "ended" }] });
  expect(status).toBe(0);
  await running.ended();
  expect(running.out).toContain('"cancelled":true');
});

test("the API goes through its own hub", async () => {
  const answer = await api.post("/run", { hosts: ["edge-01"], script: "hello", args: ["api"] });
  expect(answer.json).toMatchObject({ results: [{ stdout: "hello api\n", exit: 3 }] });
  const pinged = await api.post("/ping", { hosts: ["edge-01"] });
  expect(pinged.json).toMatchObject({ results: [{ status: "ok", via: HUB }] });
});

test("a host that joins with a token is there, though nothing can reach it", async () => {
  const [, port] = await api.running.seen(/ACTION=pairing-mode-start PORT=(\d+)/);
  const { token } = JSON.parse((await control.mustRun("token", ["create", "--json"])).out);
  const file = control.folder.write("token", token, 0o600);
  const laptop = await control.addAgent("laptop-01", {
    config: ["listen = no", `connect = ${HUB}`],
  });
  const args = [...laptop.pairingArgs(Number(port)), `--token-file=${file}`, "--timeout=0"];
  expect((await laptop.run("join", args)).status).toBe(0);
  const running = await laptop.serve();
  await running.seen(/ACTION=hub-up/);
  const { err, status } = await control.run("ping", ["laptop-01"]);
  expect([err, status]).toEqual(["", 0]);
  await laptop.stop();
});

test("an agent whose hub is restarted is back by itself", async () => {
  await api.stop();
  const gone = await control.run("ping", ["edge-01"]);
  expect(gone.status).toBe(1);
  api = await TestApi.start(control);
  await edge.serving.seen(/ACTION=hub-down[\s\S]*ACTION=hub-up/);
  const { status, err } = await control.run("ping", ["edge-01"]);
  expect([err, status]).toEqual(["", 0]);
}, 40_000);
