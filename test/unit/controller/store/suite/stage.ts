/** A store for one test, with what it is told and what it logs. */

import type { AgentRecord } from "../../../../../src/controller/store/agent-record.ts";
import type { Registered } from "../../../../../src/controller/store/ports/registry.ts";
import type { Store } from "../../../../../src/controller/store/ports.ts";
import { EventLog } from "../../../../support/event-log.ts";
import { StoreProcess } from "../../../../support/store-process.ts";
import type { MakeStore, StoreUnderTest } from "../../../../support/store-under-test.ts";

export class Stage implements AsyncDisposable {
  readonly log: EventLog<"ctrl-exec">;
  readonly under: StoreUnderTest;
  readonly #clock: { ahead: number };

  private constructor(log: EventLog<"ctrl-exec">, clock: { ahead: number }, under: StoreUnderTest) {
    this.log = log;
    this.#clock = clock;
    this.under = under;
  }

  static async open(make: MakeStore, lines = ""): Promise<Stage> {
    const log = new EventLog("ctrl-exec");
    const clock = { ahead: 0 };
    const now = () => new Date(Date.now() + clock.ahead);
    return new Stage(log, clock, await make(lines, { log: log.log, now }));
  }

  get store(): Store {
    return this.under.store;
  }

  /** For this store, not for the other processes. */
  pass(seconds: number): void {
    this.#clock.ahead += seconds * 1000;
  }

  another(...verb: readonly string[]): StoreProcess {
    return new StoreProcess(this.under, ...verb);
  }

  async register(...records: readonly AgentRecord[]): Promise<void> {
    await this.store.exclusively(async (writer) => {
      for (const record of records) await writer.putAgent(record);
    });
  }

  async record(hostname: string): Promise<AgentRecord | undefined> {
    return recordOf(await this.store.registry.find(hostname));
  }

  /** Longer than what does not wait takes: another process comes, reads, and goes. */
  async meanwhile(): Promise<void> {
    await using other = this.another("find", "nobody");
    await other.says();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.under[Symbol.asyncDispose]();
  }
}

export function recordOf(found: Registered | undefined): AgentRecord | undefined {
  return found?.kind === "agent" ? found.record : undefined;
}

export function agent(hostname: string, changes: Partial<AgentRecord> = {}): AgentRecord {
  return {
    hostname,
    ip: "192.0.2.7",
    paired: "2026-01-01T00:00:00Z",
    expiry: "Jan  1 00:00:00 2027 GMT",
    reqid: "0123456789abcdef",
    dispatcher_serial: "0a",
    serial_status: "current",
    serial_broadcast: "2026-01-02T00:00:00Z",
    serial_confirmed: "2026-01-03T00:00:00Z",
    serial: "0b",
    renewed: "",
    ...changes,
  };
}
