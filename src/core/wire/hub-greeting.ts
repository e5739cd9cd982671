/**
 * The first line that a peer sends to a hub, before any TLS (docs/PROTOCOL.md, section 11): what it has come for. A
 * stranger who says anything else costs the hub no handshake.
 */
import type { Serial } from "../serial.ts";

const WORDS = "ctrl-exec-hub/1";

/** The hub's answer to CONTROL_GREETING: TLS may begin. It answers no ticket. */
export const TLS_MAY_BEGIN = `${WORDS} tls\n`;

/**
 * For a control connection.
 *
 * @param serial of the certificate that the peer would know the hub by, if it is a control host's: during a rotation the
 * hub has several, and agents know one of them. It is no secret
 */
export function controlGreeting(serial: Serial | undefined): string {
  return serial === undefined ? `${WORDS} control\n` : `${WORDS} control ${serial}\n`;
}

/** For one end of a spliced connection. @param ticket as `isTicket` has it */
export function ticketGreeting(ticket: string): string {
  return `${WORDS} ticket ${ticket}\n`;
}

/** 128 random bits. */
export const TICKET_BYTES = 16;

export function isTicket(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

function isSerial(text: string): boolean {
  return /^(?:[0-9a-f]{2}){1,20}$/.test(text);
}

export type Greeting =
  | { readonly kind: "control"; readonly serial: Serial | undefined }
  /** @param rest what has come after the line already: the beginning of the TLS that is spliced */
  | { readonly kind: "ticket"; readonly ticket: string; readonly rest: Buffer }
  | { readonly kind: "bad" };

/** With a serial of 20 octets; a ticket's line is shorter. */
const LONGEST = controlGreeting("0".repeat(40)).length;

/** @param came everything that has come so far; undefined is returned if the line is not complete yet */
export function readGreeting(came: Buffer): Greeting | undefined {
  const end = came.subarray(0, LONGEST).indexOf("\n");
  if (end < 0) {
    const isBeginning = WORDS.startsWith(came.toString("latin1", 0, WORDS.length));
    return isBeginning && came.length < LONGEST ? undefined : { kind: "bad" };
  }
  const rest = came.subarray(end + 1);
  const [words, kind, value, ...more] = came.toString("latin1", 0, end).split(" ");
  if (words !== WORDS || more.length > 0) return { kind: "bad" };
  if (kind === "ticket" && value !== undefined && isTicket(value)) {
    return { kind, ticket: value, rest };
  }
  // Nobody speaks TLS before TLS_MAY_BEGIN: what came with the line would be lost to it.
  const isControl = kind === "control" && (value === undefined || isSerial(value));
  return isControl && rest.length === 0 ? { kind, serial: value } : { kind: "bad" };
}
