/** What the door hands over to whoever answers requests. */
import type { Connection } from "../../system/net/connection.ts";
import type { Caller } from "../endpoints/endpoint.ts";
import type { ConnectionClock } from "./connection-clock.ts";

/** A caller that was admitted, and its connection. */
export interface Visit {
  readonly caller: Caller;
  readonly connection: Connection;
  readonly clock: ConnectionClock;
}
