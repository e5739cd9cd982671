/** The control host's part of an upgrade, with real agents; root's part is played by the test. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import {
  FleetUpgrade,
  planUpgrade,
  type UpgradeCheck,
} from "../../../../src/controller/upgrade/upgrade-fleet.ts";
import { buildName } from "../../../../src/core/release/platform.ts";
import { parseReleaseKey } from "../../../../src/core/release/release-key.ts";
import type { UpgradeEnd } from "../../../../src/core/release/upgrade-state.ts";
import { PLAIN_ROLLOUT, type RolloutSetting } from "../../../../src/core/rollout.ts";
import { VERSION } from "../../../../src/core/version.ts";
import { ownPlatform } from "../../../../src/system/own-platform.ts";
import { TestFolder, until } from "../../../support/folder.ts";
import { CALLER, type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";
import { makeRelease, makeReleaseKey, type ReleaseKey } from "../../../support/release.ts";

const BUILD = buildName(ownPlatform());
/** Three pieces. */
const CONTENT = randomBytes(1_300_000);

let folder: TestFolder;
let fleet: LocalFleet;
let key: ReleaseKey;
beforeEach(async () => {
  folder = new TestFolder();
  fleet = await LocalFleet.create();
  key = makeReleaseKey(folder);
  const release_key = parseReleaseKey(key.line);
  Object.assign(fleet.controller, { config: { ...fleet.controller.config, release_key } });
});
afterEach(async () => {
  await fleet[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

async function addAgent(name: string): Promise<LocalAgent> {
  mkdirSync(folder.join(name));
  const lines = [
    "allow_upgrade = yes",
    `release_key = ${key.line}`,
    `upgrade_state = ${folder.join(name)}`,
  ];
  return await fleet.addAgent(name, { lines });
}

/** What root's part does, as the agent sees it: the build's bytes when it was handed over. */
async function rootsPart(agent: LocalAgent, end: UpgradeEnd["end"], error?: string) {
  await until(`${agent.name} hands it over`, () => existsSync(agent.path("upgrade/apply")));
  const { reqid, version: to } = JSON.parse(
    readFileSync(agent.path("upgrade/request.json"), "utf8"),
  );
  const bytes = readFileSync(agent.path("upgrade/build.gz"));
  mkdirSync(folder.join(agent.name), { recursive: true });
  const last = { reqid, end, from: VERSION, to, ended: "now", ...(error && { error }) };
  writeFileSync(folder.join(agent.name, "last.json"), JSON.stringify(last));
  rmSync(agent.path("upgrade/apply"));
  return bytes;
}

async function upgrade(
  hosts: readonly string[],
  from: string,
  changes: Partial<RolloutSetting> = {},
  { signal = new AbortController().signal, onBegun = () => {} } = {},
) {
  const rollout = { ...PLAIN_ROLLOUT, ...changes };
  const choice = { hosts, port: undefined };
  const order = { choice, from, tellsWhy: true, rollout, downgrade: false, waitMs: 10_000 };
  const plan = await planUpgrade(fleet.controller, CALLER, order);
  const begun: string[] = [];
  const checks: UpgradeCheck[] = [];
  const subscribers = {
    onBatch: (_: number, __: number, names: readonly string[]) => {
      begun.push(names.join());
      onBegun();
    },
    onResult: () => undefined,
    onCheck: (check: UpgradeCheck) => checks.push(check),
  };
  const report = await new FleetUpgrade(
    fleet.controller,
    CALLER,
    order,
    plan,
    subscribers,
    signal,
  ).carryOut();
  return { ...report, begun, checks };
}

const release = () => makeRelease(folder, "release", "9.0.0", { [BUILD]: CONTENT }, key);

test("T36 what was sent is the build, also when the agent is restarted while it comes", async () => {
  const agent = await addAgent("web-01");
  const from = release();
  const upgrading = upgrade(["web-01"], from);
  await until("a piece has come", () => {
    const facts = statSync(agent.path("upgrade/build.gz"), { throwIfNoEntry: false });
    return (facts?.size ?? 0) > 0;
  });
  await agent.restart();
  const bytes = await rootsPart(agent, "upgraded");
  expect(bytes).toEqual(readFileSync(`${from}/${BUILD}.gz`));
  expect((await upgrading).results).toMatchObject([
    { host: "web-01", state: "upgraded", from: VERSION, to: "9.0.0" },
  ]);
  expect(fleet.log.of("upgrade")).toHaveLength(1);
});

test("a batch begins when the one before has ended, and none does after too many failures", async () => {
  const agents = [await addAgent("web-01"), await addAgent("web-02"), await addAgent("web-03")];
  const [first, second] = agents;
  const hosts = agents.map(({ name }) => name);
  const upgrading = upgrade(hosts, release(), { batch: [{ hosts: 1 }] });
  if (first === undefined || second === undefined) throw new Error("there are three");
  await rootsPart(first, "upgraded");
  expect(existsSync(second.path("upgrade"))).toBe(false);
  await rootsPart(second, "rolled-back", "it was silent");
  const { results, begun } = await upgrading;
  expect(results).toMatchObject([
    { host: "web-01", state: "upgraded" },
    { host: "web-02", state: "rolled-back", error: "it was silent" },
    { host: "web-03", state: "not-started", from: "", error: "1 of 3 hosts have failed" },
  ]);
  expect(begun).toEqual(["web-01", "web-02"]);
  expect(fleet.log.of("upgrade-stop")).toMatchObject([{ fields: { COUNT: 1 } }]);
});

/** The check of these tests: a script that every agent has. */
const CHECK = { batch: [{ hosts: 1 }], check: "count" };

function failsCheck(agent: LocalAgent): void {
  fleet.folder.script(`${agent.name}/count.sh`, "exit 1");
}

test("a batch begins when the check has succeeded on those of the one before that have the version", async () => {
  const agents = [await addAgent("web-01"), await addAgent("web-02"), await addAgent("web-03")];
  const [first, second] = agents;
  if (first === undefined || second === undefined) throw new Error("there are three");
  failsCheck(second);
  const from = makeRelease(folder, "release", VERSION, { [BUILD]: CONTENT }, key);
  const { results, stopped, checks } = await upgrade(["web-01", "web-02", "web-03"], from, CHECK);
  const reason = "its check failed on web-02";
  expect(results).toMatchObject([
    { host: "web-01", state: "current" },
    { host: "web-02", state: "current" },
    { host: "web-03", state: "not-started", error: reason },
  ]);
  expect(checks).toMatchObject([
    { batch: 1, script: "count", failed: [] },
    { batch: 2, script: "count", failed: ["web-02"] },
  ]);
  expect(stopped).toBe(reason);
  expect(readFileSync(first.path("runs"), "utf8")).toBe("run\n");
  const ran = fleet.log.of("dispatch").map(({ fields }) => fields.REQID);
  expect(ran).toEqual(checks.map(({ check }) => check));
});

test("T76 nothing is sent to a host that was unpaired meanwhile", async () => {
  await addAgent("web-01");
  await addAgent("web-02");
  const record = fleet.folder.join("control/state/agents/web-02.json");
  const onBegun = () => renameSync(record, `${record}.away`);
  const from = makeRelease(folder, "release", VERSION, { [BUILD]: CONTENT }, key);
  const changes = { batch: [{ hosts: 1 }] };
  expect(await upgrade(["web-01", "web-02"], from, changes, { onBegun })).toMatchObject({
    results: [{ state: "current" }, { state: "not-started" }],
    stopped: "no longer registered: web-02",
  });
});

test("a check that fails, or cannot be run, after the last batch is said as well", async () => {
  failsCheck(await addAgent("web-01"));
  const from = makeRelease(folder, "release", VERSION, { [BUILD]: CONTENT }, key);
  expect(await upgrade(["web-01"], from, CHECK)).toMatchObject({
    results: [{ state: "current" }],
    stopped: "its check failed on web-01",
  });
  expect(await upgrade(["web-01"], from, { ...CHECK, check: "cuont" })).toMatchObject({
    results: [{ state: "current" }],
    stopped: "its check failed on web-01: script not permitted",
  });
  expect(fleet.log.of("upgrade-stop")).toMatchObject([
    { fields: { COUNT: 0 } },
    { fields: { COUNT: 0 } },
  ]);
});

test("what has been handed over and is not waited for is unknown", async () => {
  const agent = await addAgent("web-01");
  const ending = new AbortController();
  const upgrading = upgrade(["web-01"], release(), {}, { signal: ending.signal });
  await until("it is handed over", () => existsSync(agent.path("upgrade/apply")));
  ending.abort();
  expect((await upgrading).results).toMatchObject([{ state: "unknown" }]);
});

test("T36 nothing is sent of a build that is not what SHA256SUMS says", async () => {
  const agent = await addAgent("web-01");
  const from = release();
  writeFileSync(`${from}/${BUILD}.gz`, Bun.gzipSync(Buffer.from("another")));
  const { results } = await upgrade(["web-01"], from);
  expect(results).toMatchObject([
    { state: "failed", error: expect.stringContaining("is not what SHA256SUMS says") },
  ]);
  expect(existsSync(agent.path("upgrade"))).toBe(false);
});

test("without a release key nothing is read", async () => {
  await addAgent("web-01");
  const { controller } = fleet;
  Object.assign(controller, { config: { ...controller.config, release_key: undefined } });
  expect(upgrade(["web-01"], "/no/such")).rejects.toThrow("has no release_key");
});
