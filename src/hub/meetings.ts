/**
 * Where a control host and an agent meet. Each gets a ticket of its own, dials the hub with it, and what they then say to
 * each other passes through unread. A ticket is for one seat of one meeting: nobody can take both, nor another one's.
 */
import { Tickets } from "../core/tickets.ts";
import { TICKET_BYTES } from "../core/wire/hub-greeting.ts";
import { Deadline } from "../system/deadline.ts";
import { type SpliceEnd, splice } from "./splice.ts";

/** How long both have to come. */
const TICKET_MS = 10_000;

/** More than the first flight of a TLS client needs. */
const MAX_EARLY = 16_384;

type Side = "agent" | "caller";

interface Seat {
  readonly meeting: Meeting;
  readonly side: Side;
}

/** For each side the key of whoever was invited: when it is found dead, so are its connections. */
type Guests = Readonly<Record<Side, object>>;

export interface Invitations {
  readonly agent: string;
  readonly caller: string;
}

export class Meetings {
  readonly #tickets: Tickets<Seat>;
  readonly #open = new Set<Meeting>();
  readonly #limit: number;

  /** @param limit how many there may be at once, including those to which somebody has still to come */
  constructor(limit: number) {
    this.#limit = limit;
    this.#tickets = new Tickets(TICKET_MS, 2 * limit, newTicket);
  }

  get size(): number {
    return this.#open.size;
  }

  /** Undefined if there are too many. */
  invite(guests: Guests): Invitations | undefined {
    if (this.#open.size >= this.#limit) return undefined;
    const meeting = new Meeting(guests, () => {
      this.#open.delete(meeting);
      for (const ticket of tickets) this.#tickets.withdraw(ticket);
    });
    const now = performance.now();
    const agent = this.#tickets.issue({ meeting, side: "agent" }, now) ?? "";
    const caller = this.#tickets.issue({ meeting, side: "caller" }, now) ?? "";
    const tickets = [agent, caller];
    this.#open.add(meeting);
    return { agent, caller };
  }

  /** @returns false if the ticket opens nothing: the connection is for the caller to close */
  arrive(ticket: string, end: SpliceEnd): boolean {
    const seat = this.#tickets.redeem(ticket, performance.now());
    if (seat === undefined) return false;
    seat.meeting.take(seat.side, end);
    return true;
  }

  /** The guest is dead: whoever it talked to is told at once. */
  cutAll(guest: object): void {
    for (const meeting of this.#open) if (meeting.has(guest)) meeting.cut();
  }

  closeAll(): void {
    for (const meeting of this.#open) meeting.cut();
  }
}

class Meeting {
  readonly #guests: Guests;
  readonly #late: Deadline;
  readonly #onEnd: () => void;
  readonly #ends: Partial<Record<Side, SpliceEnd>> = {};
  /** What the one that came first has said already. */
  #said: Buffer[] = [];
  #over = false;

  constructor(guests: Guests, onEnd: () => void) {
    this.#guests = guests;
    this.#onEnd = onEnd;
    this.#late = new Deadline(TICKET_MS, () => this.cut());
  }

  has(guest: object): boolean {
    return this.#guests.agent === guest || this.#guests.caller === guest;
  }

  take(side: Side, end: SpliceEnd): void {
    this.#ends[side] = end;
    const { agent, caller } = this.#ends;
    if (agent === undefined || caller === undefined) {
      this.#wait(end);
      return;
    }
    this.#late.stop();
    const waited = side === "agent" ? caller : agent;
    const early = Buffer.concat(this.#said.splice(0));
    splice({ ...waited, early }, end, () => this.#finish());
  }

  /** Ends it now, with a reset: nobody may take it for an orderly end. */
  cut(): void {
    for (const end of Object.values(this.#ends)) end.connection.reset();
    this.#finish();
  }

  /** It is read meanwhile, so that it is noticed if it leaves: then the other one need not come. */
  #wait({ connection, early }: SpliceEnd): void {
    let bytes = 0;
    const keep = (piece: Buffer) => {
      this.#said.push(piece);
      bytes += piece.length;
      if (bytes > MAX_EARLY) this.cut();
    };
    keep(early);
    connection.read({ data: keep, end: () => this.cut(), closed: () => this.cut() });
    if (!connection.closed) connection.resume();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#late.stop();
    this.#onEnd();
  }
}

function newTicket(): string {
  return crypto.getRandomValues(new Uint8Array(TICKET_BYTES)).toHex();
}
