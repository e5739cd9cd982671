/** The store in files of state_dir. */
import { FileLocks } from "./file-locks.ts";
import type { StoreContext } from "./host.ts";
import { removeLeftovers } from "./leftovers.ts";
import type { Store } from "./ports.ts";
import { purgeRunRecords } from "./record-space.ts";
import { FileRunRecord } from "./run-record.ts";
import { scriptsSeen } from "./scripts-seen.ts";
import { readRunRecord, submitterOf } from "./stored-runs.ts";

export function openFileStore(context: StoreContext): Store {
  return {
    locks: new FileLocks(context),
    runs: {
      begin: (facts, durable) => new FileRunRecord(context, facts, durable),
      submitterOf: (reqid) => submitterOf(context, reqid),
      read: (reqid, account) => readRunRecord(context, reqid, account),
      scriptsSeen: async (hosts) => scriptsSeen(context.config, hosts),
      purge: () => purgeRunRecords(context),
    },
    removeLeftovers: async () => removeLeftovers(context.config),
  };
}
