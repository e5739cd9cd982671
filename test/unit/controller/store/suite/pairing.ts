import { expect, test } from "bun:test";
import type { PendingRequest } from "../../../../../src/controller/store/ports/pairing.ts";
import type { PairingAnswer } from "../../../../../src/core/wire/messages/pairing.ts";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { agent, Stage } from "./stage.ts";

const FIRST = "0123456789abcdef";
const SECOND = "fedcba9876543210";
const DENIED: PairingAnswer = { status: "denied", reason: "not ours" };

const request = (id: string, hostname = "web-01"): PendingRequest => ({
  id,
  hostname,
  ip: "192.0.2.7",
  csr: "-----BEGIN CERTIFICATE REQUEST-----\n",
  nonce: "0a0b",
  received: "2026-01-01T00:00:00Z",
  arrived: 1_767_225_600_000,
  code: "123456",
  code_covers: "both",
  port: 7450,
});

async function ask({ store }: Stage, ...requests: readonly PendingRequest[]): Promise<void> {
  await store.exclusively(async (writer) => {
    for (const each of requests) await writer.addRequest(each);
  });
}

async function deny({ store }: Stage, id: string): Promise<void> {
  await store.exclusively((writer) => writer.answerRequest(id, DENIED));
}

async function waiting({ store }: Stage): Promise<string[]> {
  return (await store.pairing.requests()).map(({ id }) => id).toSorted();
}

export function pairingSuite(make: MakeStore): void {
  test("an empty queue has no request, no answer, and nobody at its desk", async () => {
    await using stage = await Stage.open(make);
    const { pairing } = stage.store;
    expect(await waiting(stage)).toEqual([]);
    expect(await pairing.request(FIRST)).toBeUndefined();
    expect(await pairing.request("../secret")).toBeUndefined();
    expect(await pairing.answered()).toEqual([]);
    expect(await pairing.takeAnswer(FIRST)).toBeUndefined();
    expect(await pairing.wasPushedOut(FIRST)).toBe(false);
    expect(await pairing.deskKeeper()).toBeUndefined();
    await pairing.withdraw(FIRST);
    await pairing.clear();
    expect(await pairing.drop(() => true)).toBe(0);
  });

  test("a request waits as it came, and is no registered host", async () => {
    await using stage = await Stage.open(make);
    await ask(stage, request(FIRST), request(SECOND, "db-01"));
    expect(await waiting(stage)).toEqual([FIRST, SECOND]);
    expect(await stage.store.pairing.request(SECOND)).toEqual(request(SECOND, "db-01"));
    expect(await stage.store.registry.names()).toEqual([]);
  });

  test("T10 a request that is answered waits no more, and its answer is taken once", async () => {
    await using stage = await Stage.open(make);
    const { pairing } = stage.store;
    await ask(stage, request(FIRST), request(SECOND));
    await deny(stage, FIRST);
    expect(await waiting(stage)).toEqual([SECOND]);
    expect(await pairing.request(FIRST)).toBeUndefined();
    expect(await pairing.answered()).toEqual([FIRST]);
    expect(await pairing.takeAnswer(SECOND)).toBeUndefined();
    expect(JSON.parse((await pairing.takeAnswer(FIRST)) ?? "")).toEqual(DENIED);
    expect(await pairing.takeAnswer(FIRST)).toBeUndefined();
    expect(await pairing.answered()).toEqual([]);
    expect(await waiting(stage)).toEqual([SECOND]);
  });

  test("an approval comes as it was given", async () => {
    await using stage = await Stage.open(make);
    await ask(stage, request(FIRST));
    const approved: PairingAnswer = {
      status: "approved",
      cert: "C\n",
      ca: "A\n",
      nonce: "0a0b",
      dispatcher_serial: "0a",
    };
    await stage.store.exclusively((writer) => writer.answerRequest(FIRST, approved));
    const answer = await stage.store.pairing.takeAnswer(FIRST);
    expect(answer).toBe(JSON.stringify(approved));
  });

  test("T21 what is withdrawn leaves neither a request nor an answer", async () => {
    await using stage = await Stage.open(make);
    await ask(stage, request(FIRST), request(SECOND));
    await deny(stage, SECOND);
    for (const id of [FIRST, SECOND]) await stage.store.pairing.withdraw(id);
    expect(await waiting(stage)).toEqual([]);
    expect(await stage.store.pairing.answered()).toEqual([]);
  });

  test("those that are over are dropped and counted, the others stay", async () => {
    await using stage = await Stage.open(make);
    await ask(stage, request(FIRST), request(SECOND));
    expect(await stage.store.pairing.countOver(({ id }) => id === FIRST)).toBe(1);
    expect(await waiting(stage)).toEqual([FIRST, SECOND]);
    expect(await stage.store.pairing.drop(({ id }) => id === FIRST)).toBe(1);
    expect(await waiting(stage)).toEqual([SECOND]);
  });

  test("a request that cannot be read hides no other, and is dropped", async () => {
    await using stage = await Stage.open(make);
    await ask(stage, request(FIRST), request(SECOND));
    await stage.under.breakRequest(FIRST);
    expect(await waiting(stage)).toEqual([SECOND]);
    expect(await stage.store.pairing.request(FIRST)).toBeUndefined();
    expect(await stage.store.pairing.countOver(() => false)).toBe(1);
    expect(await stage.store.pairing.drop(() => false)).toBe(1);
    expect(await stage.store.pairing.drop(() => false)).toBe(0);
  });

  test("what made room for another is remembered, until all is cleared", async () => {
    await using stage = await Stage.open(make);
    const { pairing } = stage.store;
    await stage.register(agent("web-01"));
    await ask(stage, request(FIRST), request(SECOND));
    await stage.store.exclusively(async (writer) => {
      await writer.rememberPushedOut(FIRST);
      await writer.answerRequest(FIRST, DENIED);
    });
    expect([await pairing.wasPushedOut(FIRST), await pairing.wasPushedOut(SECOND)]).toEqual([
      true,
      false,
    ]);
    await pairing.clear();
    expect(await pairing.wasPushedOut(FIRST)).toBe(false);
    expect([await waiting(stage), await pairing.answered()]).toEqual([[], []]);
    expect(await stage.store.registry.names()).toEqual(["web-01"]);
  });

  test("one process is at the desk, until it closes it or is killed", async () => {
    await using stage = await Stage.open(make);
    const { pairing } = stage.store;
    await using first = stage.another("desk");
    expect(await first.says()).toBe(true);
    expect(await pairing.deskKeeper()).toBe("pairing-mode");
    expect(await pairing.openDesk("ctrl-exec-api")).toBeUndefined();
    expect(await pairing.deskKeeper()).toBe("pairing-mode");
    await first.kill();
    expect(await pairing.deskKeeper()).toBeUndefined();
    const desk = await pairing.openDesk("ctrl-exec-api");
    expect([desk === undefined, await pairing.deskKeeper()]).toEqual([false, "ctrl-exec-api"]);
    await using second = stage.another("desk");
    expect(await second.says()).toBe(false);
    await desk?.close();
    expect(await pairing.deskKeeper()).toBeUndefined();
    await using third = stage.another("desk");
    expect(await third.says()).toBe(true);
  });
}
