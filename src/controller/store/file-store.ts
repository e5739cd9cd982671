/** The store in files of state_dir. */
import { FileLocks } from "./file-locks.ts";
import { FileRegistry } from "./file-registry.ts";
import type { StoreContext } from "./host.ts";
import { forgetClock, knownClocks, rememberClocks } from "./known-clocks.ts";
import { removeLeftovers } from "./leftovers.ts";
import { addRequest, FilePairing, leaveAnswer } from "./pairing-files.ts";
import type { Store } from "./ports.ts";
import { rememberPushedOut } from "./pushed-out.ts";
import { purgeRunRecords } from "./record-space.ts";
import { lockRegistry, removeAgent, writeAgent } from "./registry.ts";
import { addRevoked } from "./revocations.ts";
import { FileRunRecord } from "./run-record.ts";
import { scriptsSeen } from "./scripts-seen.ts";
import { readRunRecord, submitterOf } from "./stored-runs.ts";

export function openFileStore(context: StoreContext): Store {
  const { config } = context;
  return {
    registry: new FileRegistry(config),
    clocks: {
      known: async (agents) => knownClocks(config, agents),
      remember: async (offsets) => rememberClocks(context, offsets),
      forget: async (hostname) => forgetClock(context, hostname),
    },
    pairing: new FilePairing(config),
    locks: new FileLocks(context),
    runs: {
      begin: (facts, durable) => new FileRunRecord(context, facts, durable),
      submitterOf: (reqid) => submitterOf(context, reqid),
      read: (reqid, account) => readRunRecord(context, reqid, account),
      scriptsSeen: async (hosts) => scriptsSeen(config, hosts),
      // Loaded when needed: `run` and `ping` start without SQLite.
      list: async (filter) => (await import("./run-index.ts")).listRuns(context, filter),
      prepareList: async () => (await import("./run-index.ts")).prepareRunIndex(context),
      purge: () => purgeRunRecords(context),
    },
    async exclusively(change) {
      using _lock = await lockRegistry(config);
      return await change({
        putAgent: async (record) => writeAgent(config, record),
        removeAgent: async (hostname) => removeAgent(config, hostname),
        addRequest: async (request) => addRequest(config, request),
        answerRequest: async (id, answer) => leaveAnswer(config, id, answer.status, answer),
        rememberPushedOut: async (id) => rememberPushedOut(config, id),
        revoke: async (serials, comment) => addRevoked(config, serials, comment),
      });
    },
    removeLeftovers: async () => removeLeftovers(config),
  };
}
