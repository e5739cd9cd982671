import { expect, test } from "bun:test";
import { RequestInbox } from "../../../../src/agent/http/request-inbox.ts";
import type { ConnectionReader } from "../../../../src/system/net/connection-reader.ts";

const REQUEST = Buffer.from("POST /ping HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}");

/** A peer that sends as much as it is let. */
class EagerPeer {
  readonly closed = false;
  #reader: ConnectionReader | undefined;
  #paused = false;
  taken = 0;
  resumed = 0;

  read(reader: ConnectionReader): void {
    this.#reader = reader;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.resumed += 1;
  }

  /** Returns whether it was taken. */
  send(bytes: Buffer): boolean {
    if (this.#paused) return false;
    this.taken += bytes.length;
    this.#reader?.data(bytes);
    return true;
  }
}

test("T21 who sends on behind each answer has to wait as well", async () => {
  const peer = new EagerPeer();
  const inbox = new RequestInbox(peer, () => undefined);
  const many = Buffer.concat(Array(1000).fill(REQUEST));
  peer.send(many);
  for (let answered = 0; answered < 100; answered++) {
    expect((await inbox.next()).kind).toBe("request");
    peer.send(many);
  }
  expect(peer.taken).toBeLessThan(200_000);
});

test("all that waited is read in its turn", async () => {
  const peer = new EagerPeer();
  const inbox = new RequestInbox(peer, () => undefined);
  const many = Buffer.concat(Array(1000).fill(REQUEST));
  let sent = 0;
  while (peer.send(many)) sent += 1000;
  for (let answered = 0; answered < sent; answered++) {
    expect((await inbox.next()).kind).toBe("request");
  }
  const next = inbox.next();
  expect(peer.send(REQUEST)).toBe(true);
  expect((await next).kind).toBe("request");
  // And it has to wait as before.
  expect([many, many, many].map((bytes) => peer.send(bytes))).toEqual([true, true, false]);
});

test("a little may be read ahead, without a stop", async () => {
  const peer = new EagerPeer();
  const inbox = new RequestInbox(peer, () => undefined);
  const length = Math.floor(65_535 / REQUEST.length);
  const first = inbox.next();
  expect(peer.send(REQUEST)).toBe(true);
  expect([(await first).kind, peer.resumed]).toEqual(["request", 0]);
  expect(peer.send(Buffer.concat(Array(length).fill(REQUEST)))).toBe(true);
  expect(peer.send(REQUEST)).toBe(true);
  // By now it is more than that.
  expect(peer.send(REQUEST)).toBe(false);
  for (let answered = 0; answered < length + 1; answered++) {
    expect((await inbox.next()).kind).toBe("request");
  }
});

test("who waits is told when a request begins, and when the peer ends within one or between two", async () => {
  const begun: string[] = [];
  const peer = new EagerPeer();
  const inbox = new RequestInbox(peer, () => begun.push("begun"));
  const next = inbox.next();
  expect([begun, inbox.begun]).toEqual([[], false]);
  peer.send(REQUEST.subarray(0, 5));
  expect([begun, inbox.begun]).toEqual([["begun"], true]);
  peer.send(REQUEST.subarray(5));
  expect((await next).kind).toBe("request");
  expect(begun).toEqual(["begun"]);
  // What comes while nobody waits begins when somebody does.
  peer.send(REQUEST.subarray(0, 5));
  expect(begun).toEqual(["begun"]);
  const cut = inbox.next();
  expect(begun).toEqual(["begun", "begun"]);
  inbox.end();
  expect(await cut).toEqual({ kind: "ended", cut: true });
  const other = new RequestInbox(new EagerPeer(), () => undefined);
  const none = other.next();
  other.end();
  expect(await none).toEqual({ kind: "ended", cut: false });
  const leaving = new EagerPeer();
  const gone = new RequestInbox(leaving, () => undefined);
  const closing = gone.next();
  Object.assign(leaving, { closed: true });
  gone.closed();
  expect(await closing).toEqual({ kind: "ended", cut: false });
});
