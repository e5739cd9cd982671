import { afterEach, beforeEach, expect, test } from "bun:test";
import { LiveNotices } from "../../../../src/controller/notices/live-notices.ts";
import type { ControlEvent } from "../../../../src/core/events.ts";
import { until } from "../../../support/folder.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";
import { receiverFile, receiverOf } from "../../../support/notice-receiver.ts";

let fleet: LocalFleet;

beforeEach(async () => {
  fleet = await LocalFleet.bare();
});
afterEach(async () => {
  await fleet[Symbol.asyncDispose]();
});

const failed = (host: string): ControlEvent => {
  const asked = { reqid: "0123456789abcdef", script: "deploy", target: `${host}:27505` };
  return { event: "run", ...asked, host, exit: 3 };
};

function opened(refusedMs?: number) {
  const live = new LiveNotices(refusedMs);
  const logged: ControlEvent[] = [];
  live.tellFrom(fleet.controller);
  return { live, logged, log: live.telling((event) => logged.push(event)) };
}

async function waiting(): Promise<number> {
  return (await fleet.controller.store.notices.waiting()).length;
}

test("events are logged at once, and told together at the end of the process", async () => {
  fleet.folder.write("control/notify.d/a.toml", receiverFile('program = ["/bin/true"]'));
  const { live, logged, log } = opened();
  log(failed("web-01"));
  log(failed("web-02"));
  log({ event: "api-stop" });
  expect(logged).toHaveLength(3);
  expect(await waiting()).toBe(0);
  await live.tell();
  const [notice] = await fleet.controller.store.notices.waiting();
  if (notice === undefined) throw new Error("nothing waits");
  const body = await fleet.controller.store.notices.body(notice);
  expect(JSON.parse(body ?? "")).toMatchObject({
    count: 2,
    summary: "deploy failed on 2 hosts: web-01, web-02",
  });
  await live.tell();
  expect(await waiting()).toBe(1);
});

test("a process that goes on tells a moment later", async () => {
  fleet.folder.write("control/notify.d/a.toml", receiverFile('program = ["/bin/true"]'));
  opened().log(failed("web-01"));
  await until("it is told", async () => (await waiting()) === 1);
});

test("where nobody is to be told, nothing is left", async () => {
  const { live, log } = opened();
  log(failed("web-01"));
  await live.tell();
  fleet.folder.write("control/notify.d/a.toml", receiverFile('program = ["/bin/true"]'));
  await live.tell();
  expect(await waiting()).toBe(0);
});

const refused = (ip: string): ControlEvent => {
  return { event: "join-refuse", code: "unknown-token", ip, reason: "there is no such token" };
};

function wantsRefused(): void {
  const text = receiverOf(["join-refused"], 'program = ["/bin/true"]');
  fleet.folder.write("control/notify.d/a.toml", text);
}

test("T35 a storm of wrong tokens is one notice, at the end of its minute", async () => {
  wantsRefused();
  const { logged, log } = opened(20);
  for (let at = 0; at < 2000; at++) log(refused("192.0.2.1"));
  expect(logged).toHaveLength(2000);
  await until("it is told", async () => (await waiting()) > 0);
  const [notice] = await fleet.controller.store.notices.waiting();
  const body = notice && (await fleet.controller.store.notices.body(notice));
  expect(JSON.parse(body ?? "")).toMatchObject({
    kind: "join-refused",
    count: 2000,
    summary: "2000 joins refused: 2000 unknown-token",
  });
  expect(await waiting()).toBe(1);
});

test("T35 a failed run does not wait for that minute, nor does it end it; the process's end does", async () => {
  const kinds = ["run-failed", "join-refused"];
  fleet.folder.write("control/notify.d/a.toml", receiverOf(kinds, 'program = ["/bin/true"]'));
  const { live, log } = opened();
  log(refused("192.0.2.1"));
  log(failed("web-01"));
  await until("the run is told", async () => (await waiting()) === 1);
  const [first] = await fleet.controller.store.notices.waiting();
  expect(first?.kind).toBe("run-failed");
  await live.tell();
  expect(await waiting()).toBe(2);
});
