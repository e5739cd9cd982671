/** The pairing queue. See ../ports.ts. */
import type { Tags } from "../../../core/tags.ts";
import type { CodeCovers } from "../../../core/wire/confirmation-code.ts";
import type { PairingAnswer } from "../../../core/wire/messages/pairing.ts";

/** A request that waits for an operator. */
export interface PendingRequest {
  readonly id: string;
  readonly hostname: string;
  readonly ip: string;
  readonly csr: string;
  readonly nonce: string;
  /** ISO 8601. */
  readonly received: string;
  /** The same in milliseconds, no two alike, so that there is an oldest one. Not in requests of 1.0. */
  readonly arrived?: number | undefined;
  readonly code: string;
  readonly code_covers: CodeCovers;
  /** The port on which the agent serves. */
  readonly port?: number | undefined;
  /** What the agent says about itself; not from agents before 1.1. */
  readonly version?: string | undefined;
  readonly tags?: Tags | undefined;
}

export type PairingAnswerKind = PairingAnswer["status"];

/** Who takes requests. */
export type DeskKeeper = "pairing-mode" | "ctrl-exec-api";

/** Held by the one process that takes requests; released when the process ends. */
export interface PairingDesk {
  close(): Promise<void>;
}

/** The queue of pairing requests, and the answers that wait to be sent. */
export interface PairingStore {
  /** Those that wait, whatever their age, in no particular order. Unreadable ones are left out. */
  requests(): Promise<readonly PendingRequest[]>;
  /** Undefined if no request with that id waits. */
  request(id: string): Promise<PendingRequest | undefined>;
  /** Whether it recently had to make room for a newer one. */
  wasPushedOut(id: string): Promise<boolean>;
  /** Ids of the requests whose answer waits to be sent. */
  answered(): Promise<readonly string[]>;
  /** Removes and returns the answer, as the text for the wire. Undefined while there is none. */
  takeAnswer(id: string): Promise<string | undefined>;
  /** How many drop() would remove. */
  countOver(isOver: (request: PendingRequest) => boolean): Promise<number>;
  /** Withdraws a request, and any answer that it may have got in the meantime. */
  withdraw(id: string): Promise<void>;
  /** Removes the requests that have expired, and those that cannot be read. Returns how many. */
  drop(isOver: (request: PendingRequest) => boolean): Promise<number>;
  /** Removes every request and answer. */
  clear(): Promise<void>;
  /** Undefined if another process has it open. */
  openDesk(keeper: DeskKeeper): Promise<PairingDesk | undefined>;
  /** Undefined if nobody has it open. */
  deskKeeper(): Promise<DeskKeeper | undefined>;
}
