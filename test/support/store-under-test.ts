/** What test/unit/controller/store/store-suite.ts asks of whoever runs it on a store, beside the store itself. */
import type { StoreContext } from "../../src/controller/store/host.ts";
import type { Store } from "../../src/controller/store/ports.ts";

type Surroundings = Pick<StoreContext, "log" | "now">;

/** @param address says which store, in one word */
export type OpenStore = (address: string, surroundings: Surroundings) => Promise<Store>;

export interface StoreUnderTest extends AsyncDisposable {
  readonly store: Store;
  /** The module whose `openStore` opens this store again, and the address that it is given. */
  readonly opener: readonly [module: string, address: string];
  /** The host's record cannot be used from now on. */
  breakAgent(hostname: string): Promise<void>;
  /** The same of a run's record. */
  breakRun(reqid: string): Promise<void>;
  /** The same of a pairing request. */
  breakRequest(id: string): Promise<void>;
  /** The same of the last rotation. */
  breakRotation(): Promise<void>;
}

/** Makes an empty store. @param lines of ctrl-exec.conf */
export type MakeStore = (lines: string, surroundings: Surroundings) => Promise<StoreUnderTest>;
