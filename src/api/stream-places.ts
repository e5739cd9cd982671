/**
 * How many answers may be streams at once, and how much each may ask of agents: they last as long as runs do, and
 * must leave room for requests (T21, T65).
 */
import type { ApiShares } from "../core/descriptor-shares.ts";
import { RETRY_AFTER, refusal } from "./answer.ts";
import { RequestSlots, type SlotLimits } from "./request-slots.ts";

export interface StreamLimits extends SlotLimits {
  /** Hosts that each of them may follow at once. */
  readonly hosts: number;
}

const MAX_STREAMS = 64;
const MAX_HOSTS = 256;

/** If each had fewer, fewer streams would be better. */
const WANTED_HOSTS = 8;

/** At most a quarter of the connections, and half of what there is for calling agents. */
export function streamLimits({ connections, work }: ApiShares): StreamLimits {
  const most = Math.min(MAX_STREAMS, connections / 4, work / 2 / WANTED_HOSTS);
  const all = Math.max(1, Math.floor(most));
  const reserve = Math.floor(all / 8);
  const hosts = Math.max(1, Math.min(MAX_HOSTS, Math.floor(work / 2 / all)));
  return { requests: all - reserve, reserve, hosts };
}

/** The slots of streams: a client that gets none is told to come again. */
export function streamPlaces(): RequestSlots {
  return new RequestSlots((open) => {
    const detail = `${open} event streams and downloads are open, which is the limit`;
    return refusal(503, "busy", detail, RETRY_AFTER);
  });
}
