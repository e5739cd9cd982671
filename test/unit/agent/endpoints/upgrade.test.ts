/** The agent's part of an upgrade: who may send what, and what is refused before a byte of it is taken. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import type { AgentContext, Caller } from "../../../../src/agent/endpoints/endpoint.ts";
import { answerRoute } from "../../../../src/agent/endpoints/routes.ts";
import type { Jobs } from "../../../../src/agent/jobs/job.ts";
import { RunningScripts } from "../../../../src/agent/scripts/running-scripts.ts";
import { loadState } from "../../../../src/agent/state/state.ts";
import { UpgradeInbox } from "../../../../src/agent/upgrade/inbox.ts";
import { inboxOf } from "../../../../src/agent/upgrade/places.ts";
import type { AgentConfig } from "../../../../src/core/config/agent-config.ts";
import { QuietLog } from "../../../../src/core/quiet-log.ts";
import { buildName } from "../../../../src/core/release/platform.ts";
import { parseReleaseKey } from "../../../../src/core/release/release-key.ts";
import { VERSION } from "../../../../src/core/version.ts";
import { readCertificate } from "../../../../src/pki/certificate.ts";
import { ownPlatform } from "../../../../src/system/own-platform.ts";
import { EventLog } from "../../../support/event-log.ts";
import { TestFolder } from "../../../support/folder.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";
import {
  makeRelease,
  makeReleaseKey,
  type ReleaseKey,
  readPapers,
} from "../../../support/release.ts";

const BUILD = buildName(ownPlatform());
const ID = "0123456789abcdef";

let fleet: LocalFleet;
let agent: LocalAgent;
const folder = new TestFolder();
let key: ReleaseKey;
beforeAll(async () => {
  fleet = await LocalFleet.create();
  agent = await fleet.addAgent("web-01");
  await agent.stop();
  key = makeReleaseKey(folder);
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});
beforeEach(() => {
  rmSync(agent.path("upgrade"), { recursive: true, force: true });
  rmSync(folder.join("state"), { recursive: true, force: true });
  mkdirSync(folder.join("state"));
});

async function served(changes: Partial<AgentConfig> = {}) {
  const log = new EventLog("ctrl-exec-agent");
  const config = {
    ...agent.config,
    allow_upgrade: true,
    release_key: parseReleaseKey(key.line),
    upgrade_state: folder.join("state"),
    ...changes,
  };
  const context: AgentContext = {
    state: await loadState(config, agent.path("scripts.conf")),
    log: log.log,
    quiet: new QuietLog(log.log),
    now: () => new Date(),
    running: new RunningScripts(10),
    jobs: {} as Jobs,
    inbox: new UpgradeInbox(inboxOf(config)),
  };
  const certificate = readCertificate(readFileSync(fleet.controller.config.cert, "utf8"), "it");
  const controller: Caller = { ip: "192.0.2.1", local: false, certificate };
  const ask = async (route: string, body: unknown = {}, caller = controller) => {
    const asked = { peerIp: caller.ip, body: JSON.stringify(body) };
    const reply = await answerRoute(context, caller, route, asked);
    if (!("body" in reply)) throw new Error("it is a stream");
    return reply;
  };
  return { ask, log, context };
}

/** A release of a version, and the request that it begins with. */
function release(
  version: string,
  { build = BUILD, by = key, content = `build of ${version}` } = {},
) {
  const path = makeRelease(folder, `release-${version}`, version, { [build]: content }, by);
  const bytes = readFileSync(`${path}/${build}.gz`);
  return { bytes, request: { reqid: ID, ...readPapers(path), size: bytes.length } };
}

const piece = (offset: number, bytes: Uint8Array) => {
  return { reqid: ID, offset, data: Buffer.from(bytes).toString("base64") };
};

test("a signed release comes in pieces and is handed to root's part", async () => {
  const { ask, log } = await served();
  const { bytes, request } = release("9.0.0");
  expect(await ask("GET /upgrade")).toEqual({
    status: 200,
    body: { status: "ok", version: VERSION, build: BUILD, state: "idle", last: undefined },
  });
  expect(await ask("POST /upgrade", request)).toEqual({ status: 200, body: { have: 0 } });
  expect(await ask("POST /upgrade-piece", piece(0, bytes.subarray(0, 7)))).toMatchObject({
    body: { have: 7 },
  });
  expect(await ask("POST /upgrade-piece", piece(3, bytes))).toEqual({
    status: 409,
    body: { error: "the piece does not follow what has come", have: 7 },
  });
  expect(await ask("POST /upgrade-apply", { reqid: ID })).toEqual({
    status: 409,
    body: { error: "the build is not complete", have: 7 },
  });
  expect(await ask("GET /upgrade")).toMatchObject({ body: { state: "receiving" } });
  expect(await ask("POST /upgrade-piece", piece(7, bytes.subarray(7)))).toMatchObject({
    body: { have: bytes.length },
  });
  expect(await ask("POST /upgrade-apply", { reqid: ID })).toEqual({
    status: 202,
    body: { status: "accepted", reqid: ID },
  });
  expect(await ask("GET /upgrade")).toMatchObject({ body: { state: "waiting" } });
  expect(await ask("POST /upgrade", request)).toEqual({
    status: 409,
    body: { error: "an upgrade is under way" },
  });
  expect(log.events.map(({ action }) => action)).toEqual([
    "upgrade-begin",
    "upgrade-apply",
    "upgrade-refuse",
  ]);
});

test("where nothing would carry it out, an upgrade is refused at once, and nothing is taken", async () => {
  const { ask } = await served({ upgrade_state: folder.join("nowhere") });
  const { request } = release("9.0.0");
  for (const [route, body] of [["GET /upgrade"], ["POST /upgrade", request]] as const) {
    expect(await ask(route, body)).toMatchObject({
      status: 403,
      body: {
        error: expect.stringMatching(
          /^nothing on this host carries out upgrades: .*nowhere is miss/,
        ),
      },
    });
  }
  expect(existsSync(agent.path("upgrade"))).toBe(false);
});

test("how the last one ended is told, and that one is under way", async () => {
  const { ask } = await served();
  const last = { reqid: ID, end: "rolled-back", from: "1.0.0", to: "9.0.0", ended: "now" };
  folder.write("state/last.json", JSON.stringify(last));
  expect(await ask("GET /upgrade")).toMatchObject({ body: { state: "idle", last } });
  folder.write("state/journal.json", "{}");
  expect(await ask("GET /upgrade")).toMatchObject({ body: { state: "applying" } });
  const { request } = release("9.0.0");
  expect(await ask("POST /upgrade", request)).toMatchObject({ status: 409 });
  expect(existsSync(agent.path("upgrade"))).toBe(false);
});

test.each([
  ["allow_upgrade", { allow_upgrade: false }],
  ["release_key", { release_key: undefined }],
])("T36 without %s every request is refused alike", async (_, without) => {
  const { ask } = await served(without);
  const { request } = release("9.0.0");
  for (const [route, body] of [
    ["GET /upgrade", {}],
    ["POST /upgrade", request],
    ["POST /upgrade-piece", piece(0, Buffer.of(1))],
    ["POST /upgrade-apply", { reqid: ID }],
    ["POST /upgrade", "nonsense"],
  ] as const) {
    const { status, body: said } = await ask(route, body);
    expect(status).toBe(403);
    expect(said.error).toContain("upgrades are off");
  }
  expect(existsSync(agent.path("upgrade"))).toBe(false);
});

test("T36 nothing is taken of a release that is not signed, older, or has nothing for this host", async () => {
  const { ask, log } = await served();
  const stranger = makeReleaseKey(folder, `key-${Math.random()}`);
  const good = release("9.0.0").request;
  for (const [request, problem] of [
    [{ ...good, signature: "" }, "SHA256SUMS.sig: it is not an SSH signature"],
    [{ ...good, sums: good.sums.replace(/^./, "z") }, "not what the release key has signed"],
    [release("9.1.0", { by: stranger }).request, "another key than release_key has signed it"],
    [{ ...good, version: "9.9.9" }, "its VERSION is not what SHA256SUMS says"],
    [release("9.2.0", { build: "ctrl-exec-plan9-mips" }).request, `the release has no ${BUILD}.gz`],
    [release("0.9.0").request, `the release is 0.9.0, and this host has ${VERSION}`],
  ] as const) {
    const { status, body } = await ask("POST /upgrade", request);
    expect(status, problem).toBe(403);
    expect(body.error).toContain(problem);
  }
  expect(await ask("POST /upgrade-piece", piece(0, Buffer.of(1)))).toMatchObject({ status: 404 });
  expect(await ask("POST /upgrade-apply", { reqid: ID })).toMatchObject({ status: 404 });
  expect(existsSync(agent.path("upgrade"))).toBe(false);
  expect(log.of("upgrade-refuse")).toHaveLength(6);
});

test("an older version comes only where it was asked for, and this host allows it", async () => {
  const { request } = release("0.9.0");
  for (const [allow_downgrade, downgrade, status] of [
    [true, true, 200],
    [true, false, 403],
    [false, true, 403],
  ] as const) {
    const { ask } = await served({ allow_downgrade });
    expect(await ask("POST /upgrade", { ...request, downgrade })).toMatchObject({ status });
  }
});

test("T36 bytes that are not the signed ones are not handed over", async () => {
  const { ask } = await served();
  const { bytes, request } = release("9.0.0");
  await ask("POST /upgrade", request);
  await ask("POST /upgrade-piece", piece(0, Buffer.from(bytes).reverse()));
  expect(await ask("POST /upgrade-apply", { reqid: ID })).toEqual({
    status: 409,
    body: { error: "the build is not what SHA256SUMS says" },
  });
  expect(existsSync(agent.path("upgrade/apply"))).toBe(false);
});

test("T24 the hook decides before anything is judged, and is told the version", async () => {
  const hook = folder.script("hook", `cat >${folder.join("asked")}; exit 3`);
  const { ask, log } = await served({ auth_hook: hook });
  const { request } = release("9.0.0");
  const asked = { ...request, signature: "", username: "alice", token: "t0ken" };
  expect(await ask("POST /upgrade", asked)).toEqual({
    status: 403,
    body: { error: "not authorised: insufficient privilege" },
  });
  expect(JSON.parse(readFileSync(folder.join("asked"), "utf8"))).toMatchObject({
    action: "upgrade",
    args: ["9.0.0"],
    username: "alice",
    token: "t0ken",
    source_ip: "192.0.2.1",
  });
  expect(log.of("auth")).toMatchObject([{ fields: { AUTHACTION: "upgrade", RESULT: "deny" } }]);
  expect(existsSync(agent.path("upgrade"))).toBe(false);
});

test("only the control host may ask", async () => {
  const { ask } = await served();
  const certificate = readCertificate(readFileSync(agent.config.cert, "utf8"), "it");
  const other: Caller = { ip: "192.0.2.9", local: false, certificate };
  for (const route of ["GET /upgrade", "POST /upgrade", "POST /upgrade-piece"]) {
    expect(await ask(route, release("9.0.0").request, other)).toMatchObject({
      status: 403,
      body: { error: "serial mismatch" },
    });
  }
});

test.each([
  ["POST /upgrade", { size: 0 }],
  ["POST /upgrade", { size: 2 ** 40 }],
  ["POST /upgrade", { reqid: "../x" }],
  ["POST /upgrade", { sums: "x".repeat(20_000) }],
  ["POST /upgrade-piece", { offset: -1 }],
  ["POST /upgrade-piece", { data: "AA=A" }],
  ["POST /upgrade-piece", { data: "A A A" }],
  ["POST /upgrade-piece", { data: "AAAA".repeat(200_000) }],
  ["POST /upgrade-apply", { reqid: 1 }],
])("T21 %s with %j is refused", async (route, wrong) => {
  const { ask } = await served();
  const { request } = release("9.0.0");
  const body = route === "POST /upgrade" ? request : piece(0, Buffer.of(1));
  expect(await ask(route, { ...body, ...wrong })).toMatchObject({ status: 400 });
});

test("a disk that takes nothing is told, and nothing is begun", async () => {
  const { ask, context } = await served();
  mkdirSync(agent.path("upgrade/request.json"), { recursive: true, mode: 0o700 });
  const { status, body } = await ask("POST /upgrade", release("9.0.0").request);
  expect(status).toBe(503);
  expect(body.error).toContain("Cannot");
  expect(context.inbox.isReceiving).toBe(false);
});
