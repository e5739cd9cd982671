import { expect, test } from "bun:test";
import { closeSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listRunLocks, takeRunLocks } from "../../../../src/controller/runs/locks.ts";
import { startRun } from "../../../../src/controller/runs/start-run.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import { maintainOnce } from "../../../../src/controller/upkeep/maintenance.ts";
import { LockedError } from "../../../../src/core/errors.ts";
import { lockShared } from "../../../../src/system/files/flock.ts";
import { workDescriptors } from "../../../../src/system/process/descriptors.ts";
import { Gate, passes } from "../../../support/gate.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

async function take(fleet: LocalFleet, hosts: readonly string[], script = "deploy") {
  const targets = await fleet.targets(hosts);
  const order = { targets, script, reqid: "0123456789abcdef", username: "alice" };
  return takeRunLocks(fleet.controller, order);
}

test("T30 a second run of a script on a host is refused while the first goes on", async () => {
  await using fleet = await LocalFleet.create();
  const locks = await take(fleet, ["web-01", "db-01"]);
  const again = () => take(fleet, ["mail-01", "db-01", "web-01"]);
  await expect(again()).rejects.toThrow(new LockedError(["db-01:deploy", "web-01:deploy"], "list"));
  await expect(again()).rejects.toMatchObject({
    hint: expect.stringMatching(
      /^Run 0123456789abcdef is in the way\. .*ctrl-exec wait 0.*ctrl-exec cancel 0.*\nSee: .*list-locks/,
    ),
  });
  expect(fleet.log.of("lock-conflict")[0]).toMatchObject({
    level: "warning",
    fields: { CONFLICTS: "db-01:deploy,web-01:deploy" },
  });
  // All or nothing: mail-01 was free and is free still.
  (await take(fleet, ["mail-01"])).releaseAll();
  (await take(fleet, ["db-01"], "backup")).releaseAll();
  locks.releaseAll();
  await again();
});

test("a host's lock goes with its own result", async () => {
  await using fleet = await LocalFleet.create();
  const locks = await take(fleet, ["web-01", "db-01"]);
  const [web] = await fleet.targets(["web-01"]);
  if (web !== undefined) locks.release(web);
  expect((await listRunLocks(fleet.controller)).map(({ host }) => host)).toEqual(["db-01"]);
  (await take(fleet, ["web-01"])).releaseAll();
  locks.releaseAll();
});

test("list-locks says who holds what since when, and nothing that is free", async () => {
  await using fleet = await LocalFleet.create();
  const locks = await take(fleet, ["web-01", "[::1]:7450"]);
  expect(await listRunLocks(fleet.controller)).toEqual(
    ["::1", "web-01"].map((host) => ({
      host,
      script: "deploy",
      pid: process.pid,
      user: "alice",
      since: `${fleet.now.toISOString().slice(0, 19)}Z`,
      reqid: "0123456789abcdef",
    })),
  );
  locks.releaseAll();
  expect(await listRunLocks(fleet.controller)).toEqual([]);
});

test.each([
  ["nothing", ""],
  ["something else", "x"],
])("list-locks has a lock of whose holder its file says %s", async (_, text) => {
  await using fleet = await LocalFleet.create();
  const locks = await take(fleet, ["web-01", "[::1]:7450"], "deploy_app");
  const { locks: folder } = paths(fleet.controller.config);
  for (const name of readdirSync(folder)) {
    if (name.endsWith(".lock")) writeFileSync(join(folder, name), text);
  }
  const unknown = { script: "deploy_app", pid: null, user: null, since: null, reqid: null };
  expect(await listRunLocks(fleet.controller)).toEqual([
    { host: "::1", ...unknown },
    { host: "web-01", ...unknown },
  ]);
  locks.releaseAll();
  expect(await listRunLocks(fleet.controller)).toEqual([]);
});

test("whoever looks at a free lock keeps nobody from taking it", async () => {
  await using fleet = await LocalFleet.create();
  (await take(fleet, ["web-01"])).releaseAll();
  const { locks: folder } = paths(fleet.controller.config);
  const name = readdirSync(folder).find((file) => file.endsWith(".lock")) ?? "";
  const looking = openSync(join(folder, name), "r");
  expect(lockShared(looking)).toBe(true);
  const key = { host: "web-01", port: undefined, script: "deploy" };
  const holder = { host: "web-01", script: "deploy", pid: 1, user: "", since: "", reqid: "" };
  const taking = fleet.controller.store.locks.take([{ key, holder }]);
  closeSync(looking);
  expect(await taking).toMatchObject({ kind: "held" });
});

test("one host has one lock, however its name is typed", async () => {
  await using fleet = await LocalFleet.create();
  await take(fleet, ["Web-01"]);
  await expect(take(fleet, ["web-01:7450"])).rejects.toThrow(LockedError);
});

test("a host and a script with long names have a lock of their own", async () => {
  await using fleet = await LocalFleet.create();
  const host = (last: string) => `${"a.".repeat(126)}${last}`;
  const script = "s".repeat(64);
  const locks = await take(fleet, [host("a")], script);
  expect(await listRunLocks(fleet.controller)).toMatchObject([{ host: host("a"), script }]);
  await expect(take(fleet, [host("a").toUpperCase()], script)).rejects.toThrow(LockedError);
  (await take(fleet, [host("b")], script)).releaseAll();
  (await take(fleet, [host("a")], `${script}s`)).releaseAll();
  locks.releaseAll();
});

test("the check loop removes what nobody has used for a day, and nothing that is held", async () => {
  await using fleet = await LocalFleet.create();
  const folder = paths(fleet.controller.config).locks;
  const files = () => readdirSync(folder).filter((name) => name.endsWith(".lock"));
  const locks = await take(fleet, ["web-01", "db-01"]);
  const [web] = await fleet.targets(["web-01"]);
  if (web !== undefined) locks.release(web);
  await maintainOnce(fleet.controller);
  expect(files()).toHaveLength(2);
  fleet.passDays(1.1);
  const { problems } = await maintainOnce(fleet.controller);
  expect(problems).toEqual([]);
  expect(files()).toEqual(["db-01--deploy.lock"]);
  await expect(take(fleet, ["db-01"])).rejects.toThrow(LockedError);
  locks.releaseAll();
  (await take(fleet, ["web-01", "db-01"])).releaseAll();
});

test("a run that is over has no lock left, whether its host answered or not", async () => {
  await using fleet = await LocalFleet.create();
  await fleet.addAgent("web-01");
  await (await fleet.addAgent("db-01")).stop();
  const hosts = ["web-01", "db-01"];
  const run = { hosts, port: undefined, script: "count", args: [] };
  await (await startRun(fleet.controller, CALLER, run, () => undefined)).finished;
  expect(await listRunLocks(fleet.controller)).toEqual([]);
  expect(fleet.log.of("lock-acquire")).toHaveLength(2);
  expect(fleet.log.of("lock-release")).toHaveLength(2);
});

test("a host's lock is free as soon as its result is out, whatever the others do", async () => {
  await using fleet = await LocalFleet.create();
  const hosts = ["web-01", "db-01"];
  for (const host of hosts) await fleet.addAgent(host);
  const run = { hosts, port: undefined, script: "count", args: [] };
  const seen: string[] = [];
  const held: Promise<[string, string[]]>[] = [];
  const started = await startRun(fleet.controller, CALLER, run, ({ host }) => {
    seen.push(host);
    held.push(
      listRunLocks(fleet.controller).then((locks) => [host, locks.map((lock) => lock.host)]),
    );
  });
  await started.finished;
  for (const [host, hosts] of await Promise.all(held)) expect(hosts).not.toContain(host);
  expect(seen.sort()).toEqual(["db-01", "web-01"]);
});

test("T30 two runs at once: one runs, the other is refused before anything is dialled", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  using gate = await Gate.shut(fleet.folder.join("gate"));
  const script = fleet.folder.script("web-01/gated.sh", passes(gate.path));
  fleet.folder.write("web-01/scripts.conf", `gated = ${script}\n`);
  await agent.reload();
  const run = { hosts: ["web-01"], port: undefined, script: "gated", args: [] };
  const start = () => startRun(fleet.controller, CALLER, run, () => undefined);
  const results = await Promise.allSettled([start(), start(), start()]);
  await gate.open();
  const refused = results.flatMap((result) =>
    result.status === "rejected" ? [result.reason] : [],
  );
  expect(refused).toHaveLength(2);
  for (const error of refused) expect(error).toBeInstanceOf(LockedError);
  for (const result of results) if (result.status === "fulfilled") await result.value.finished;
  expect(agent.log.of("run")).toHaveLength(1);
});

test("T65 each lock takes a descriptor, and gives it back, whatever becomes of it", async () => {
  await using fleet = await LocalFleet.create();
  const descriptors = workDescriptors();
  const { free } = descriptors;
  const locks = await take(fleet, ["web-01", "db-01"]);
  expect(descriptors.free).toBe(free - 2);
  await expect(take(fleet, ["web-01", "mail-01"])).rejects.toThrow(LockedError);
  expect(descriptors.free).toBe(free - 2);
  const [web] = await fleet.targets(["web-01"]);
  if (web !== undefined) for (let time = 0; time < 2; time++) locks.release(web);
  expect(descriptors.free).toBe(free - 1);
  locks.releaseAll();
  locks.releaseAll();
  expect(descriptors.free).toBe(free);
  // Some are left for calling the hosts.
  descriptors.take(free - 6);
  await expect(take(fleet, ["web-01", "db-01", "mail-01"])).rejects.toMatchObject({
    code: "busy",
    message: expect.stringMatching(
      /^Cannot lock 3 hosts at once: .*, of which 6 are left for this$/,
    ),
  });
  (await take(fleet, ["web-01", "db-01"])).releaseAll();
  descriptors.giveBack(free - 6);
  expect(descriptors.free).toBe(free);
  const files = fleet.folder.join("control/state/locks");
  rmSync(files, { recursive: true });
  fleet.folder.write("control/state/locks", "in the way");
  await expect(take(fleet, ["web-01"])).rejects.toMatchObject({ code: "storage" });
  expect(descriptors.free).toBe(free);
});
