/** The store in files of state_dir. */
import { existsSync, statSync } from "node:fs";
import { isoSeconds } from "../../core/time.ts";
import { fileError } from "../../system/files/files.ts";
import { FileLocks } from "./file-locks.ts";
import { FileRegistry } from "./file-registry.ts";
import { FileGroupAnswer } from "./group-answer-file.ts";
import type { StoreContext } from "./host.ts";
import { hasExpired, issuedTo, noteIssued, pruneIssued } from "./issued.ts";
import { dropUse, FileJoinTokens, putToken, putUse } from "./join-token-files.ts";
import { forgetClock, knownClocks, rememberClocks } from "./known-clocks.ts";
import { removeLeftovers } from "./leftovers.ts";
import { lastMaintenance, lockMaintenance, tryLockMaintenance } from "./maintenance-lock.ts";
import { FileNotices } from "./notice-files.ts";
import { addRequest, FilePairing, leaveAnswer } from "./pairing-files.ts";
import { paths } from "./paths.ts";
import type { LearnedStore } from "./ports/learned.ts";
import type { Store } from "./ports.ts";
import { rememberPushedOut } from "./pushed-out.ts";
import { lockRegistry, removeAgent, writeAgent } from "./registry.ts";
import { addRevoked, liveRevoked, readRevoked } from "./revocations.ts";
import { FileRollouts } from "./rollout-files.ts";
import { readRotation, rotationProblems, rotationState, writeRotation } from "./rotation-state.ts";

export function openFileStore(context: StoreContext): Store {
  const { config, log } = context;
  const registry = new FileRegistry(config);
  return {
    registry,
    clocks: {
      known: async (agents) => knownClocks(config, agents),
      remember: async (offsets) => rememberClocks(context, offsets),
      forget: async (hostname) => forgetClock(context, hostname),
    },
    groups: new FileGroupAnswer(context),
    // Loaded when something was counted, which never happens before a run starts.
    counts: {
      isRead: async () => existsSync(paths(config).counts),
      async readAll(counts) {
        const { addCounts } = await import("./counts-file.ts");
        return await addCounts(context, counts);
      },
    },
    learned: lazyLearned(context, async () => await registry.names()),
    notices: new FileNotices(context),
    certificates: {
      note: (certificate) => noteIssued(config, certificate),
      issuedTo: async (hostname, now) => issuedTo(config, hostname, now),
      hasExpired: async (now) => hasExpired(config, now),
      prune: (now) => pruneIssued(config, now),
      revoked: async () => readRevoked(config),
      revokedByNow: async () => liveRevoked(config),
      revocationList: paths(config).revoked,
    },
    rotation: {
      read: async () => readRotation(config),
      state: async () => rotationState(config, log),
      problems: async () => rotationProblems(config),
      commit: async (current, previous, now) => writeRotation(config, current, previous, now),
    },
    pairing: new FilePairing(config),
    joinTokens: new FileJoinTokens(config),
    locks: new FileLocks(context),
    runs: {
      // Loaded when needed: `ping` starts without records, and `run` without what reads them, SQLite above all.
      async begin(facts, durable) {
        const { FileRunRecord } = await import("./run-record.ts");
        return new FileRunRecord(context, facts, durable);
      },
      goOn: async (facts, account) =>
        (await import("./go-on-record.ts")).goOnRecord(context, facts, account),
      submitterOf: async (reqid) => (await import("./stored-runs.ts")).submitterOf(context, reqid),
      read: async (reqid, account) =>
        (await import("./stored-runs.ts")).readRunRecord(context, reqid, account),
      readOpen: async (reqid, account) =>
        (await import("./stored-runs.ts")).readOpenRun(context, reqid, account),
      version: async (reqid) => (await import("./stored-runs.ts")).recordVersion(context, reqid),
      lateOutputs: async (run) => (await import("./late-outputs.ts")).openLateOutputs(context, run),
      leftOutput: async (run, host) =>
        (await import("./left-output.ts")).leftOutput(config, run, host),
      amend: async (reqid, results, account) =>
        (await import("./amend-run.ts")).amendRun(context, reqid, results, account),
      wasUsed: async () => isThere(paths(config).runs),
      scriptsSeen: async (hosts) => (await import("./scripts-seen.ts")).scriptsSeen(config, hosts),
      list: async (filter) => (await import("./run-index.ts")).listRuns(context, filter),
      async prepareList() {
        // On a host where runs have never been listed there is no index, and none is created.
        if (!existsSync(paths(config).runIndex)) return;
        await (await import("./run-index.ts")).prepareRunIndex(context);
      },
      purge: async () => (await import("./record-space.ts")).purgeRunRecords(context),
    },
    rollouts: new FileRollouts(context),
    async exclusively(change) {
      using _lock = await lockRegistry(config);
      return await change({
        putAgent: async (record) => writeAgent(config, record),
        removeAgent: async (hostname) => removeAgent(config, hostname),
        addRequest: async (request) => addRequest(config, request),
        answerRequest: async (id, answer) => leaveAnswer(config, id, answer.status, answer),
        rememberPushedOut: async (id) => rememberPushedOut(config, id),
        putToken: async (token) => putToken(config, token),
        putUse: async (token, use) => putUse(config, token, use),
        dropUse: async (token, key) => dropUse(config, token, key),
        revoke: async (serials, comment) => addRevoked(config, serials, comment),
      });
    },
    async upkeep(work) {
      using _lock = await lockMaintenance(config);
      return await work();
    },
    async upkeepIfFree(work) {
      using lock = tryLockMaintenance(config);
      if (lock === undefined) return undefined;
      return await work(async () => lock.describe(`${isoSeconds(context.now())}\n`));
    },
    lastUpkeep: async () => lastMaintenance(config),
    removeLeftovers: async () => removeLeftovers(config),
  };
}

/** @throws CtrlExecError `config` */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (thrown) {
    throw fileError("config", "read", path, thrown);
  }
}

/**
 * SQLite is loaded when something was or is to be learned: never before a run starts. If no host has reported
 * anything, reading creates no file.
 */
function lazyLearned(
  context: StoreContext,
  registered: () => Promise<readonly string[]>,
): LearnedStore {
  let opened: Promise<LearnedStore> | undefined;
  const open = async () => {
    opened ??= import("./learned-file.ts").then(
      ({ LearnedFile }) => new LearnedFile(context, registered),
    );
    return await opened;
  };
  const hasLearned = () => existsSync(paths(context.config).learned);
  return {
    known: async () => (hasLearned() ? await (await open()).known() : new Map()),
    scripts: async (names) => (hasLearned() ? await (await open()).scripts(names) : new Map()),
    async learn(news) {
      if (news.size > 0) await (await open()).learn(news);
    },
    async forget(hostname) {
      if (hasLearned()) await (await open()).forget(hostname);
    },
  };
}
