/**
 * The frames of a control connection to a hub (docs/PROTOCOL.md, section 11): one byte of type, two of length,
 * unsigned and big-endian, then the payload: a JSON object, or nothing.
 */
import * as z from "zod/mini";
import { readJsonAs } from "../json.ts";
import { isTicket } from "./hub-greeting.ts";

const HEAD_BYTES = 3;

/** No payload is longer: names and addresses have 255 characters at most. */
export const MAX_HUB_PAYLOAD = 1024;

const text = z.string().check(z.maxLength(255));
const id = z.int().check(z.minimum(0));
const ticket = z.string().check(z.refine(isTicket));

const PAYLOADS = {
  /** Both ways: a sign of life. */
  K: z.object({ late: z.exactOptional(z.never()) }),
  /** From an agent: whether it can be called directly as well. */
  H: z.object({ listens: z.boolean(), version: text }),
  /** From the hub: the peer is connected, and can be called, or call, from now on. */
  W: z.object({ version: text }),
  /** From the hub, as its last frame: why it hangs up. */
  R: z.object({ error: text }),
  /** To an agent: dial back with this ticket. `caller` is absent if it calls from the hub's own host. */
  T: z.object({ ticket, caller: z.exactOptional(text) }),
  /** From a control host: is this agent connected? */
  Q: z.object({ id, host: text }),
  /** The answer: since when, in ISO 8601, and whether it can be called directly as well. */
  A: z.object({ id, since: text, listens: z.boolean() }),
  /** From a control host: a ticket for this agent. */
  O: z.object({ id, host: text }),
  /** The answer: the ticket to dial the hub with. */
  G: z.object({ id, ticket }),
  /** The answer to `Q` or `O` instead. */
  N: z.object({ id, error: text }),
} as const;

type Payloads = typeof PAYLOADS;
export type HubFrameType = keyof Payloads;

export type HubFrame = {
  [Type in HubFrameType]: { readonly type: Type } & Readonly<z.output<Payloads[Type]>>;
}[HubFrameType];

/** @throws RangeError if the payload is too long, which no caller's values can make it */
export function hubFrame({ type, ...payload }: HubFrame): Buffer {
  const json = Buffer.from(Object.keys(payload).length === 0 ? "" : JSON.stringify(payload));
  if (json.length > MAX_HUB_PAYLOAD) throw new RangeError(`the ${type} frame is too long`);
  const frame = Buffer.alloc(HEAD_BYTES + json.length);
  frame.write(type, "latin1");
  frame.writeUInt16BE(json.length, 1);
  json.copy(frame, HEAD_BYTES);
  return frame;
}

/** Reads frames from pieces that may end anywhere. It holds one frame at most. */
export class HubFrameReader {
  #held: Buffer = Buffer.alloc(0);

  /** @returns the frames that are complete now; undefined if what came is not a frame: nothing may follow it */
  take(piece: Buffer): readonly HubFrame[] | undefined {
    let left = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]);
    const frames: HubFrame[] = [];
    while (left.length >= HEAD_BYTES) {
      const length = left.readUInt16BE(1);
      if (length > MAX_HUB_PAYLOAD) return undefined;
      if (left.length < HEAD_BYTES + length) break;
      const frame = readFrame(
        left.toString("latin1", 0, 1),
        left.subarray(HEAD_BYTES, HEAD_BYTES + length),
      );
      if (frame === undefined) return undefined;
      frames.push(frame);
      left = left.subarray(HEAD_BYTES + length);
    }
    // A copy: a view would keep the whole piece in memory, for as long as the peer is idle.
    this.#held = Buffer.from(left);
    return frames;
  }
}

function isType(text: string): text is HubFrameType {
  return Object.hasOwn(PAYLOADS, text);
}

function readFrame(type: string, payload: Buffer): HubFrame | undefined {
  if (!isType(type)) return undefined;
  const read = readJsonAs(PAYLOADS[type], payload.length === 0 ? "{}" : payload.toString());
  return read && ({ type, ...read } as HubFrame);
}
