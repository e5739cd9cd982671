/** What a run would do, and that nothing of it is done. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dryRun } from "../../../../src/controller/runs/dry-run.ts";
import type { RunOrder } from "../../../../src/controller/runs/start-run.ts";
import { asCtrlExecError } from "../../../../src/core/errors.ts";
import { newRequestId } from "../../../../src/core/request-id.ts";
import type { RolloutSetting } from "../../../../src/core/rollout.ts";
import { TestFolder } from "../../../support/folder.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

const folder = new TestFolder();
let fleet: LocalFleet;

beforeAll(async () => {
  const hook = folder.script(
    "hook",
    `cat >${folder.join("told")}; [ "$ENVEXEC_TOKEN" != no ] || exit 3`,
  );
  fleet = await LocalFleet.create([`auth_hook = ${hook}`, "verify_agent_identity = strict"]);
  for (const [hostname, more] of [
    ["web-01", { port: 7450, lookup_by: "ip" }],
    ["web-02", {}],
  ] as const) {
    fleet.folder.write(
      `control/state/agents/${hostname}.json`,
      JSON.stringify({ hostname, ip: "10.0.0.1", ...more }),
    );
  }
  fleet.folder.write("control/state/agents/odd-01.json", "{");
});
beforeEach(() => {
  fleet.log.events.length = 0;
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const dry = async (
  order: Partial<RunOrder>,
  token = "",
  rollout: Partial<RolloutSetting> | undefined = undefined,
) =>
  await dryRun(
    fleet.controller,
    { ...CALLER, token },
    { hosts: ["@all"], port: undefined, script: "deploy", args: [], ...order },
    rollout,
  );

test("who would be asked, and where; who would not be called, and why", async () => {
  const { hosts, ...rest } = await dry({ hosts: ["web-*", "odd-01", "other:7000", "192.0.2.1"] });
  expect(rest).toEqual({ dry_run: true, script: "deploy", args: [] });
  const strict = "it is not registered, and verify_agent_identity = strict";
  expect(hosts).toEqual([
    { host: "web-01", registered: true, address: "10.0.0.1", port: 7450 },
    { host: "web-02", registered: true, address: "web-02", port: 7443 },
    { host: "odd-01", registered: true, address: "odd-01", port: 7443, error: expect.any(String) },
    {
      ...{ host: "other", registered: false, address: "other", port: 7000 },
      error: `Cannot call other: ${strict}`,
    },
    {
      ...{ host: "192.0.2.1", registered: false, address: "192.0.2.1", port: 7443 },
      error: `Cannot call 192.0.2.1: ${strict}`,
    },
  ]);
});

test("the hook decides as of the run, and nothing else happens", async () => {
  await dry({ hosts: ["web-*"], args: ["--fast"], detach: true, timeout: 3 });
  expect(JSON.parse(readFileSync(folder.join("told"), "utf8"))).toMatchObject({
    action: "run",
    script: "deploy",
    hosts: ["web-01", "web-02"],
    args: ["--fast"],
  });
  expect(fleet.log.events.map(({ fields }) => fields.ACTION ?? "")).toHaveLength(2);
  expect(fleet.log.of("dry-run")).toMatchObject([
    { level: "info", fields: { HOSTS: "web-01,web-02", SCRIPT: "deploy", USER: "tester" } },
  ]);
  expect(await fleet.controller.store.locks.holders()).toEqual([]);
  const runs = fleet.folder.join("control/state/runs");
  expect(existsSync(runs) ? readdirSync(runs) : []).toEqual([]);
});

test("a rollout says in which batch each host would be, and the hook is asked about its check", async () => {
  const rollout = { batch: [{ hosts: 1 }, { percent: 100 }], check: "is-up" };
  const { hosts } = await dry({ hosts: ["web-*", "odd-01"] }, "", rollout);
  expect(hosts.map(({ host, batch }) => [host, batch])).toEqual([
    ["web-01", 1],
    ["web-02", 2],
    ["odd-01", 2],
  ]);
  expect(JSON.parse(readFileSync(folder.join("told"), "utf8"))).toMatchObject({ script: "is-up" });
  const bounded = dry({}, "", { per_tag: { rack: 1 } });
  await expect(bounded).rejects.toThrow("Cannot limit batches by rack");
});

test("scripts that hosts did not list when they last reported are named, with the nearest; silent hosts may have them", async () => {
  const { learned } = fleet.controller.store;
  const rollout = { batch: [{ hosts: 1 }], check: "heath" };
  expect(await dry({ hosts: ["web-*"] }, "", rollout)).not.toHaveProperty("unlisted");
  await learned.learn(new Map([["web-01", { scripts: ["deploy", "health"] }]]));
  const { unlisted } = await dry({ hosts: ["web-*"] }, "", rollout);
  const reported = expect.stringMatching(/^20\d\d-.*Z$/);
  expect(unlisted).toEqual([{ script: "heath", hosts: ["web-01"], reported, near: "health" }]);
  expect((await dry({ script: "restart" })).unlisted).toEqual([
    { script: "restart", hosts: ["web-01"], reported },
  ]);
  expect(await dry({ hosts: ["web-01:9"], script: "restart" })).not.toHaveProperty("unlisted");
  const refused = await dry({ hosts: ["web-*"] }, "no", rollout).catch(asCtrlExecError);
  expect(refused).toMatchObject({ message: "Denied: insufficient privilege" });
  await learned.forget("web-01");
});

test("a check with a name that no scripts.conf can have is refused", async () => {
  const refused = await dry({}, "", { check: "is up" }).catch(asCtrlExecError);
  expect(refused).toMatchObject({
    code: "bad-request",
    message: 'Cannot check with "is up": no host has such a script',
  });
});

test("T67 who is refused is told what a refused run tells", async () => {
  for (const hosts of ["@all", "none-*"]) {
    const refused = await dry({ hosts: [hosts] }, "no").catch(asCtrlExecError);
    expect(refused).toMatchObject({ code: "denied", message: "Denied: insufficient privilege" });
  }
  expect(fleet.log.of("dry-run")).toEqual([]);
});

test("T27 the token is not repeated, also where it was typed as an argument", async () => {
  const { args } = await dry({ args: ["--token=s3cret-t0ken"] }, "s3cret-t0ken");
  expect(JSON.stringify(args)).not.toContain("s3cret");
});

test("what no run may ask for is refused, and what no host permits is said", async () => {
  const refused = await dry({ script: "update-ctrl-exec-serial" }).catch(asCtrlExecError);
  expect(refused).toMatchObject({ code: "bad-request" });
  const { hosts } = await dry({ hosts: ["web-02"], script: "a\nb" });
  expect(hosts).toMatchObject([{ error: "script not permitted" }]);
});

test("T77 tags that the agent alone claims are marked, as far as the expression names them", async () => {
  const { learned, registry } = fleet.controller.store;
  const tags = { role: "db", env: "test", rack: "7" };
  await learned.learn(new Map(["web-01", "web-02"].map((host) => [host, { tags }])));
  await registry.change((record) =>
    record.hostname === "web-02" ? { ...record, tags: { role: "db", env: "test" } } : undefined,
  );
  const claimsOf = async (order: Partial<RunOrder>) =>
    (await dry(order)).hosts.map(({ host, claimed_tags: claimed }) => [host, claimed]);
  expect(await claimsOf({ hosts: ["@role=db"], except: ["@env=production"] })).toEqual([
    ["web-01", { role: "db", env: "test" }],
    ["web-02", undefined],
  ]);
  expect(await claimsOf({ hosts: ["web-*"] })).toEqual([
    ["web-01", undefined],
    ["web-02", undefined],
  ]);
  // Neither claims a site: that is why they are asked.
  for (const hosts of [["@site!=far"], ["@all!@site=far!odd-01"]]) {
    expect(await claimsOf({ hosts })).toEqual([
      ["web-01", { site: null }],
      ["web-02", { site: null }],
    ]);
  }
  expect(await claimsOf({ hosts: ["web-01"], except: ["@env!=test"] })).toEqual([
    ["web-01", { env: "test" }],
  ]);
  const claims = {
    tags: Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`${i}`, "x".repeat(9)])),
  };
  await learned.learn(new Map([["web-02", claims]]));
  expect(await claimsOf({ hosts: ["web-02,@site=far"] })).toEqual([["web-02", undefined]]);
});

test("T77 the version that an agent claims is marked where the expression looks at it, and refused where claims are ignored", async () => {
  await fleet.controller.store.learned.learn(new Map([["web-01", { version: "1.0.2" }]]));
  const { hosts } = await dry({ hosts: ["@version<1.1,web-02"] });
  expect(hosts.map((host) => host.claimed_version)).toEqual(["1.0.2", undefined]);
  for (const others of ["web-01", "web-*", "@role!=db"]) {
    const [first] = (await dry({ hosts: [others, "web-01"], mayRepeat: true })).hosts;
    expect(first).toMatchObject({ host: "web-01" });
    expect(first).not.toHaveProperty("claimed_version");
  }
  const { config } = fleet.controller;
  Object.assign(fleet.controller, { config: { ...config, agent_tags: "ignore" } });
  try {
    const hosts = ["@all!@version<1.1"];
    const refused = await dry({ hosts }).catch(asCtrlExecError);
    expect(refused).toMatchObject({
      code: "bad-request",
      message: "Cannot use @version: an agent claims its version, and agent_tags = ignore",
    });
    expect(await dry({ hosts }, "no").catch(asCtrlExecError)).toMatchObject({ code: "denied" });
    expect((await dry({ hosts: ["web-*"] })).hosts).toHaveLength(2);
  } finally {
    Object.assign(fleet.controller, { config });
  }
});

test("T77 batches by a tag: an own one wins, and one that the agent alone claims is marked", async () => {
  const { learned, registry } = fleet.controller.store;
  const tags = { rack: "7", zone: "a" };
  await learned.learn(new Map(["web-01", "web-02"].map((host) => [host, { tags }])));
  await registry.change((record) =>
    record.hostname === "web-01" ? { ...record, tags: { rack: "1" } } : { ...record, tags: {} },
  );
  const planned = async (per_tag: Readonly<Record<string, number>>) => {
    const { hosts } = await dry({ hosts: ["web-01", "web-02"] }, "", { per_tag });
    return hosts.map(({ batch, claimed_tags }) => [batch, claimed_tags]);
  };
  expect(await planned({ rack: 1 })).toEqual([
    [1, undefined],
    [1, { rack: "7" }],
  ]);
  expect(await planned({ zone: 1 })).toEqual([
    [1, { zone: "a" }],
    [2, { zone: "a" }],
  ]);
});

test("T77 where claims are ignored none is marked, since none decides", async () => {
  const { learned } = fleet.controller.store;
  await learned.learn(new Map([["web-01", { tags: { role: "db" } }]]));
  const { config } = fleet.controller;
  Object.assign(fleet.controller, { config: { ...config, agent_tags: "ignore" } });
  try {
    const { hosts } = await dry({ hosts: ["@role!=mail&web-01"] });
    expect(hosts).toMatchObject([{ host: "web-01" }]);
    expect(hosts[0]).not.toHaveProperty("claimed_tags");
  } finally {
    Object.assign(fleet.controller, { config });
  }
});

test("of a rollout that has stopped, who would be asked are the hosts that it has not started", async () => {
  const { runs } = fleet.controller.store;
  const reqid = newRequestId();
  const head = { reqid, script: "deploy", submitter: "tester", token: "" };
  const setting = { max_failures: { hosts: 0 }, pause: 0, per_tag: {}, check: "" };
  const rollout = {
    ...{ ...setting, batch: [{ hosts: 1 }], batches: [[0], [1], [2]], begun: 1 },
    waiting: ["web-02", "odd-01"],
  };
  const hosts = ["web-01", "web-02", "odd-01"];
  const record = await runs.begin({ ...head, hosts, ports: hosts.map(() => null), rollout }, true);
  const result = { script: "deploy", exit: -1, stdout: "", stderr: "", rtt: "", reqid };
  record.add({ ...result, host: "web-01", state: "ended", exit: 1 });
  for (const host of ["web-02", "odd-01"])
    record.add({ ...result, host, state: "not-started", error: "it stopped" });
  await record.close();
  const order = { hosts: [], port: undefined, script: "deploy", args: [] };
  const would = async (script = "deploy", token = "") =>
    await dryRun(fleet.controller, { ...CALLER, token }, { ...order, script }, {}, reqid);
  expect((await would()).hosts).toMatchObject([
    { host: "web-02", batch: 1 },
    { host: "odd-01", batch: 2, error: expect.any(String) },
  ]);
  expect(JSON.parse(readFileSync(folder.join("told"), "utf8"))).toMatchObject({
    ...{ action: "run", hosts: ["web-02", "odd-01"] },
  });
  expect(await fleet.controller.store.rollouts.isOwned(reqid)).toBe(false);
  await expect(would("other")).rejects.toThrow("it runs deploy, not other");
  await expect(would("deploy", "no")).rejects.toMatchObject({ code: "denied" });
});
