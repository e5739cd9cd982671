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

  read(reader: ConnectionReader): void {
    this.#reader = reader;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
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
});
