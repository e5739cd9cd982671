import { beforeAll, expect, test } from "bun:test";
import { hubFrame } from "../../../../src/core/wire/hub-frames.ts";
import { HubLink, type LinkEnd } from "../../../../src/system/net/hub-link.ts";
import { Authority } from "../../../support/authority.ts";
import { connectionPair } from "../../../support/connection-pair.ts";

let ca: Authority;
beforeAll(async () => {
  ca = await Authority.create();
});

const linked = (connection: ConstructorParameters<typeof HubLink>[0], limits: object = {}) => {
  const { promise, resolve } = Promise.withResolvers<LinkEnd>();
  const usual = { aliveMs: 10_000, silenceMs: 25_000, lastMs: 5_000 };
  const link = new HubLink(connection, () => undefined, resolve, { ...usual, ...limits });
  return { link, ended: promise };
};

test("T43 a peer that says nothing is dead, at either end, though its connection stands", async () => {
  using pair = await connectionPair(ca);
  const began = performance.now();
  const { ended } = linked(pair.server, { silenceMs: 60 });
  expect(await ended).toBe("silence");
  expect(performance.now() - began).toBeGreaterThanOrEqual(50);
});

test("signs of life keep a link that has nothing to say", async () => {
  using pair = await connectionPair(ca);
  const a = linked(pair.server, { aliveMs: 10, silenceMs: 80 });
  const b = linked(pair.client, { aliveMs: 10, silenceMs: 80 });
  const first = await Promise.race([a.ended, b.ended, Bun.sleep(200).then(() => "both stand")]);
  expect(first).toBe("both stand");
});

test("T19 a peer that is turned away is gone, though it goes on talking and does not hang up", async () => {
  using pair = await connectionPair(ca);
  const { link, ended } = linked(pair.server, { lastMs: 60 });
  const heard: Buffer[] = [];
  pair.client.read({
    data: (piece) => heard.push(piece),
    end: () => undefined,
    closed: () => undefined,
  });
  const talking = setInterval(() => void pair.client.write(hubFrame({ type: "K" })), 5);
  link.end({ type: "R", error: "no room" });
  link.send({ type: "K" });
  expect(await ended).toBe("closed");
  clearInterval(talking);
  expect(Buffer.concat(heard).toString()).toContain('{"error":"no room"}');
});

test("T43 a peer that takes nothing is hung up on before much is held for it", async () => {
  using pair = await connectionPair(ca);
  const { link, ended } = linked(pair.server);
  pair.client.pause();
  const frame = { type: "R", error: "x".repeat(250) } as const;
  let sent = 0;
  while (!link.closed && sent < 200_000) {
    link.send(frame);
    sent += 1;
    if (sent % 200 === 0) await new Promise(setImmediate);
  }
  expect(await ended).toBe("takes nothing");
});
