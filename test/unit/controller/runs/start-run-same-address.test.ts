/** Several hosts at one address, each at a port of its own, as NAT and port forwarding have it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { discoverHosts } from "../../../../src/controller/inventory/discovery.ts";
import { listRunLocks, takeRunLocks } from "../../../../src/controller/runs/locks.ts";
import type { Run } from "../../../../src/controller/runs/run.ts";
import { startRun } from "../../../../src/controller/runs/start-run.ts";
import { readRunRecord } from "../../../../src/controller/store/stored-runs.ts";
import { LockedError } from "../../../../src/core/errors.ts";
import { ReplyBudget } from "../../../../src/core/reply-budget.ts";
import { freePort } from "../../../../src/system/net/free-port.ts";
import { CALLER, LocalFleet, ping } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
let good: string;
let failing: string;
let closed: string;

beforeAll(async () => {
  fleet = await LocalFleet.create();
  const [first, second] = [await fleet.addAgent("web-01"), await fleet.addAgent("web-02")];
  fleet.folder.script("web-02/count.sh", "exit 3");
  good = `127.0.0.1:${first.config.port}`;
  failing = `127.0.0.1:${second.config.port}`;
  closed = `127.0.0.1:${freePort()}`;
});
afterAll(() => fleet[Symbol.asyncDispose]());

async function begin(hosts: readonly string[], script = "count"): Promise<Run> {
  const order = { hosts, port: undefined, script, args: [] };
  return await startRun(fleet.controller, CALLER, order, () => undefined);
}

async function recordOf(reqid: string) {
  return await readRunRecord(fleet.controller, reqid, new ReplyBudget(2 ** 30).open());
}

async function lock(hosts: readonly string[]) {
  const targets = await fleet.targets(hosts);
  const order = { targets, script: "deploy", reqid: "0123456789abcdef", username: "alice" };
  return takeRunLocks(fleet.controller, order);
}

function forget(...names: string[]): void {
  for (const name of names) rmSync(fleet.folder.join(`control/state/agents/${name}.json`));
}

/** Both are registered, then one, then none: what is forgotten stays so. */
describe.each([
  ["both are registered", []],
  ["one is registered", ["web-01"]],
  ["none is registered", ["web-02"]],
])("two hosts at one address, of which %s", (_, forgotten) => {
  beforeAll(() => forget(...forgotten));

  test("have each their own result of a run, whatever the order", async () => {
    const exits = { [good]: 0, [failing]: 3, [closed]: -1 };
    for (const hosts of [
      [good, failing, closed],
      [closed, failing, good],
    ]) {
      const { reqid, results } = await (await begin(hosts)).finished;
      expect(results.map(({ host, exit }) => [host, exit])).toEqual(
        hosts.map((host) => [host, exits[host] ?? 0]),
      );
      const record = await recordOf(reqid);
      expect(record).toMatchObject({ hosts, complete: true, pending: [] });
      expect(record?.results).toEqual([...results]);
    }
  });

  test("have each their own answer to ping and discovery", async () => {
    const hosts = [closed, good, failing];
    const expected = [
      [closed, "error"],
      [good, "ok"],
      [failing, "ok"],
    ];
    const pinged = await ping(fleet.controller, hosts);
    expect(pinged.map(({ host, status }) => [host, status])).toEqual(expected);
    const found = await discoverHosts(fleet.controller, CALLER, { hosts, port: undefined });
    expect(found.map(({ host, status }) => [host, status])).toEqual(expected);
  });

  test("have each their own lock", async () => {
    const [goodLock, failingLock] = [await lock([good]), await lock([failing])];
    expect((await listRunLocks(fleet.controller)).map(({ host }) => host).sort()).toEqual(
      [good, failing].sort(),
    );
    await expect(lock([closed, failing, good])).rejects.toThrow(
      new LockedError([`${failing}:deploy`, `${good}:deploy`], "list"),
    );
    goodLock.releaseAll();
    expect((await listRunLocks(fleet.controller)).map(({ host }) => host)).toEqual(["127.0.0.1"]);
    failingLock.releaseAll();
  });
});

test("an abandoned run says of each host at an address what became of it", async () => {
  // Neither speaks: both are out when the run is abandoned, and neither has been sent the request.
  const servers = [createServer(), createServer()];
  try {
    const hosts = await Promise.all(
      servers.map(async (server) => {
        await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
        const address = server.address();
        return `127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
      }),
    );
    const started = await begin(hosts);
    await started.abandon("stopped");
    const { results, reqid } = await started.finished;
    const expected = hosts.map((host) => [host, "stopped before this host was asked"]);
    expect(results.map(({ host, error }) => [host, error])).toEqual(expected);
    const recorded = (await recordOf(reqid))?.results ?? [];
    expect(recorded.map(({ host, error }) => [host, error])).toEqual(expected);
  } finally {
    for (const server of servers) server.close();
  }
});

test("a host reads as it was typed unless another one would read the same", async () => {
  const labels = async (...hosts: string[]) =>
    (await fleet.targets(hosts)).map(({ label }) => label);
  expect(await labels(good)).toEqual(["127.0.0.1"]);
  expect(await labels("10.0.0.1:7450", "10.0.0.2:7451")).toEqual(["10.0.0.1", "10.0.0.2"]);
  expect(await labels("10.0.0.1", "10.0.0.1:7450", "10.0.0.2:1")).toEqual([
    "10.0.0.1:7443",
    "10.0.0.1:7450",
    "10.0.0.2",
  ]);
  expect(await labels("[::1]:1", "[0:0::1]:2")).toEqual(["[::1]:1", "[0:0::1]:2"]);
  expect(await labels("nat.example.com:1", "NAT.example.com:2")).toEqual([
    "nat.example.com:1",
    "NAT.example.com:2",
  ]);
});

test.each([
  [["10.0.0.1", "10.0.0.1:7443"]],
  [["10.0.0.1:1", "::ffff:10.0.0.1", "[::ffff:10.0.0.1]:1"]],
  [["nat.example.com", "NAT.example.com:7443"]],
])("%p is one host twice", async (hosts) => {
  await expect(fleet.targets(hosts)).rejects.toMatchObject({
    code: "bad-request",
    message: expect.stringMatching(/ is given twice$/),
  });
});

test("the lock of a name goes when the last of its ports has answered", async () => {
  const hosts = ["nat.example.com:1", "nat.example.com:2"];
  const locks = await lock(hosts);
  for (const target of await fleet.targets(hosts)) {
    await expect(lock(["nat.example.com:3"])).rejects.toThrow(LockedError);
    locks.release(target);
  }
  (await lock(["nat.example.com:3"])).releaseAll();
});

test("a record of 1.0, whose two hosts at one address read the same, is shown as it is", async () => {
  const reqid = "00000000000000aa";
  const result = { script: "s", exit: 0, stdout: "", stderr: "", rtt: "1ms", reqid };
  const hosts = ["127.0.0.1", "127.0.0.1"];
  const results = hosts.map((host) => ({ host, ...result }));
  const written = { reqid, script: "s", hosts, results, completed: "2026-01-01T00:00:00Z" };
  const file = fleet.folder.write(`control/state/runs/${reqid}.json`, JSON.stringify(written));
  expect(await recordOf(reqid)).toMatchObject({ hosts, results, pending: [], complete: true });
  writeFileSync(
    file,
    JSON.stringify({ ...written, results: [], completed: null, complete: false }),
  );
  expect(await recordOf(reqid)).toMatchObject({ pending: hosts, complete: false });
});
