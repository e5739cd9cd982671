import type { ConnectionFailed } from "./connection-failed.ts";

/** Receives what the peer sends. */
export interface ConnectionReader {
  data(chunk: Buffer): void;
  /** The peer will send no more; it may still read. */
  end(): void;
  /** The connection is closed; called once. The fault is undefined after an orderly end. */
  closed(fault: ConnectionFailed | undefined): void;
}
