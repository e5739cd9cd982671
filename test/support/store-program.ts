/**
 * Another process of the control host, for store-suite.ts: `module address verb argument...` opens the store and
 * does as the verb says. What it has to say is a line of JSON each; it goes on at a line of standard input.
 */
import { withoutResult } from "../../src/core/run-result.ts";
import type { OpenStore } from "./store-under-test.ts";

const [module = "", address = "", verb = "", ...args] = process.argv.slice(2);
const { openStore }: { openStore: OpenStore } = await import(module);
const store = await openStore(address, { log: () => undefined, now: () => new Date() });
const lines = console[Symbol.asyncIterator]();

async function say(what: unknown): Promise<void> {
  process.stdout.write(`${JSON.stringify(what)}\n`);
  await lines.next();
}

/** Both of them change a record's port, so many times. */
const [hostname = "", times = ""] = args;

const verbs: Readonly<Record<string, () => Promise<void>>> = {
  async "count-by-change"() {
    await say("ready");
    for (let time = 0; time < Number(times); time++) {
      await store.registry.change((record) =>
        record.hostname === hostname ? { ...record, port: (record.port ?? 0) + 1 } : undefined,
      );
    }
  },
  async "count-by-put"() {
    await say("ready");
    for (let time = 0; time < Number(times); time++) {
      await store.exclusively(async (writer) => {
        const found = await store.registry.find(hostname);
        if (found?.kind !== "agent") throw new Error(`${hostname} is not registered`);
        await writer.putAgent({ ...found.record, port: (found.record.port ?? 0) + 1 });
      });
    }
  },
  async count() {
    await say("ready");
    for (let time = 0; time < Number(hostname); time++) {
      await store.counts.readAll(new Map([["ctrl_exec_dry_runs", [1]]]));
    }
  },
  async find() {
    await say((await store.registry.find(hostname)) ?? null);
  },
  async put() {
    await store.exclusively(async (writer) => writer.putAgent(JSON.parse(hostname)));
  },
  async exclusively() {
    await store.exclusively(async () => say("in"));
  },
  async upkeep() {
    await store.upkeep(async () => say("in"));
  },
  /** Notes so many certificates of the host. */
  async note() {
    await say("ready");
    for (let time = 0; time < Number(times); time++) {
      const serial = Bun.randomUUIDv7("hex").replaceAll("-", "");
      const notAfter = new Date("2099-01-01T00:00:00Z");
      await store.certificates.note({ serial, notAfter, commonName: hostname });
    }
  },
  async known() {
    const { agents } = await store.registry.read();
    await say(await store.clocks.known(agents));
  },
  async learned() {
    await say([...(await store.learned.known())]);
  },
  async learn() {
    await store.learned.learn(new Map(Object.entries(JSON.parse(args[0] ?? ""))));
  },
  async lock() {
    const taken = await store.locks.take(JSON.parse(args[0] ?? ""));
    await say(taken.kind === "held" ? { kind: "held", count: taken.held.length } : taken);
    if (taken.kind === "held") for (const lock of taken.held) await lock.release();
  },
  async desk() {
    const desk = await store.pairing.openDesk("pairing-mode");
    await say(desk !== undefined);
    await desk?.close();
  },
  /** The first host has a result, the others have none. */
  async run() {
    const facts = JSON.parse(args[0] ?? "");
    const record = await store.runs.begin(facts, true);
    await record.stored;
    const end = { state: "never-ran", error: "refused" } as const;
    record.add(withoutResult(facts, facts.hosts[0], "1ms", end));
    await say("begun");
    await record.close();
  },
  /** A batch begins, and these hosts wait. */
  async rollout() {
    const record = await store.runs.begin(JSON.parse(args[0] ?? ""), true);
    await say(await record.step({ waiting: JSON.parse(args[1] ?? "") }));
  },
  async owner() {
    const owned = await store.rollouts.own(args[0] ?? "");
    await say(owned !== undefined);
    await owned?.end();
  },
};
await verbs[verb]?.();
process.exit();
