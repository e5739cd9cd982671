/**
 * What holds for a while, and refused joins: told by the compiled programs to a real server and a real program, once, over
 * restarts, and once when it is over.
 */
import { expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { addDays, isoSeconds, opensslTime } from "../../../src/core/time.ts";
import { TestApi } from "../../support/api.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { isSigned, NOTICE_KEY, NoticeReceiver, receiverOf } from "../../support/notice-receiver.ts";

const REQID = "0123456789abcdef";

/** As pairing writes it: its certificate ends in three days, and was to be renewed long ago. */
function registerOld(host: ControlHost, hostname: string, more: object): void {
  const end = addDays(new Date(), 3);
  const record = {
    hostname,
    ip: "127.0.0.1",
    port: 1,
    paired: isoSeconds(addDays(end, -365)),
    expiry: opensslTime(end),
    ...more,
  };
  host.folder.write(`control/state/agents/${hostname}.json`, JSON.stringify(record), 0o640);
}

/** A run that holds a lock since a day ago, in this process. */
async function holdLock(host: ControlHost): Promise<() => Promise<void>> {
  const { store } = await host.controller();
  const key = { host: "web-01", port: undefined, script: "deploy" };
  const since = isoSeconds(addDays(new Date(), -1));
  const taken = await store.locks.take([
    { key, holder: { ...key, pid: process.pid, user: "alice", since, reqid: REQID } },
  ]);
  if (taken.kind !== "held") throw new Error("it is held already");
  return async () => await Promise.all(taken.held.map((lock) => lock.release())).then(() => {});
}

test("T35 certificates, stale agents and locks are reported once, by the API or maintain, and when they are over", async () => {
  await using host = await ControlHost.create(["api_port = 0"]);
  const key = host.folder.write("control/notify-key", `${NOTICE_KEY}\n`, 0o600);
  using receiver = new NoticeReceiver();
  const said = host.folder.join("said");
  const program = host.folder.script("page", `cat >>${said}; echo >>${said}`);
  const kinds = ["certificate-ends", "agent-stale", "lock-held"];
  host.folder.write(
    "control/notify.d/pager.toml",
    receiverOf(kinds, `url = "${receiver.url}"`, `key_file = "${key}"`),
  );
  host.folder.write(
    "control/notify.d/page.toml",
    receiverOf(["agent-stale"], `program = ["${program}"]`),
  );
  registerOld(host, "web-01", { serial_status: "stale" });
  const release = await holdLock(host);
  {
    await using _api = await TestApi.start(host);
    await receiver.received(3);
    // What is under way when the API stops would be sent again.
    const { notices } = (await host.controller()).store;
    await until("all are taken", async () => (await notices.waiting()).length === 0);
  }
  const byKind = new Map(receiver.got.map(({ json }) => [json.kind, json]));
  expect(receiver.got.every((each) => isSigned(each))).toBe(true);
  expect(byKind.get("certificate-ends")).toMatchObject({
    over: false,
    days: 3,
    count: 1,
    certificates: [{ of: "agent", host: "web-01" }],
  });
  expect(byKind.get("agent-stale")).toMatchObject({ over: false, hosts: [{ host: "web-01" }] });
  expect(byKind.get("lock-held")).toMatchObject({
    over: false,
    locks: [{ host: "web-01", script: "deploy", reqid: REQID }],
  });
  // Whoever looks next has nothing to say, and then it is over.
  await host.run("maintain");
  expect(receiver.got).toHaveLength(3);
  await release();
  rmSync(host.folder.join("control/state/agents/web-01.json"));
  await host.run("maintain");
  const over = receiver.got.slice(3).map(({ json }) => json);
  expect(over.map((each) => each.over)).toEqual([true, true, true]);
  expect(over.map((each) => String(each.kind)).sort()).toEqual(kinds.toSorted());
  const paged = readFileSync(said, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(paged.map((each) => [each.kind, each.over])).toEqual([
    ["agent-stale", false],
    ["agent-stale", true],
  ]);
});

test("T35 hosts that were refused at the API's door are told together, without their token", async () => {
  await using host = await ControlHost.create(["api_port = 0", "join = on"]);
  const key = host.folder.write("control/notify-key", `${NOTICE_KEY}\n`, 0o600);
  using receiver = new NoticeReceiver();
  host.folder.write(
    "control/notify.d/pager.toml",
    receiverOf(["join-refused"], `url = "${receiver.url}"`, `key_file = "${key}"`),
  );
  const args = ["create", "--json", "--name=db-*"];
  const { token, id } = JSON.parse((await host.mustRun("token", args)).out);
  {
    await using api = await TestApi.start(host);
    const [, port] = await api.running.seen(/ACTION=pairing-mode-start PORT=(\d+)/);
    const file = host.folder.write("token", token, 0o600);
    for (const name of ["web-01", "web-02"]) {
      const agent = await host.addAgent(name);
      const more = [`--token-file=${file}`, "--timeout=0"];
      const refused = await agent.run("join", [...agent.pairingArgs(Number(port)), ...more]);
      expect(refused.err).toContain("this token is not for this host");
    }
    const codes = api.logged("join-refuse").map(({ CODE, TOKEN }) => [CODE, TOKEN]);
    expect(codes).toEqual([
      ["name", id],
      ["name", id],
    ]);
  }
  // What was collected when it ended is not lost.
  await host.mustRun("maintain");
  expect(receiver.got.map(({ json }) => json)).toMatchObject([
    {
      kind: "join-refused",
      count: 2,
      summary: "2 joins refused: 2 name",
      reasons: [{ reason: "name", count: 2 }],
      hosts: [
        { host: "web-01", ip: "127.0.0.1", reason: "name" },
        { host: "web-02", ip: "127.0.0.1", reason: "name" },
      ],
    },
  ]);
  const told = JSON.stringify(receiver.got);
  for (const secret of [id, token.slice(60, 100)]) expect(told).not.toContain(secret);
});
