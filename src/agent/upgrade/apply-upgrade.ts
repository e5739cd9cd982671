/**
 * Root's part of an upgrade: takes what the agent has left in its inbox, believes nothing of it that release_key has not
 * signed, and puts the new program in place, or leaves the old one (T36).
 *
 * The order, and what a crash leaves after each step:
 * 1. the build is copied, judged, unpacked beside the program and tried: nothing has changed, and it is begun again;
 * 2. the program in use is kept, under the name that carries out upgrades: it is still the one in use;
 * 3. the journal says what is to come: as before, and the next start goes on;
 * 4. the new program takes the place of the old one, in one rename: the next start, by the kept one, goes on;
 * 5. the agent is restarted, and must answer with the new version: the next start does both again, after an error too;
 * 6. the new program is the kept one from now on; or the journal says why it failed, the kept one is put back, and the
 *    agent is restarted: the next start does the same again;
 * 7. how it ended is written, the inbox is emptied, and the journal removed.
 */
import { closeSync } from "node:fs";
import { join } from "node:path";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import type { AgentLog } from "../../core/events.ts";
import { buildName } from "../../core/release/platform.ts";
import type { UpgradeEnd } from "../../core/release/upgrade-state.ts";
import { judgeUpgrade } from "../../pki/upgrade.ts";
import { removeIfPresent } from "../../system/files/files.ts";
import { type HeldLock, tryLock } from "../../system/files/lock.ts";
import { refuseUntrusted } from "../../system/files/trusted-file.ts";
import { ownPlatform } from "../../system/own-platform.ts";
import { hasRootsPart } from "../state/roots-part.ts";
import { answersInTime } from "./answers.ts";
import { InboxReader } from "./inbox-reader.ts";
import type { InboxRequest } from "./inbox-request.ts";
import { type Journal, readJournal, removeJournal, writeJournal, writeLastEnd } from "./journal.ts";
import { copyBuild, unpackBuild, versionOf } from "./new-program.ts";
import { BEGINS_IN_MS, inboxOf } from "./places.ts";
import { hashOf, ProgramFiles } from "./program-files.ts";
import { restartAgent } from "./restart.ts";

/** One that was interrupted so often is given up. */
const MAX_TRIES = 3;

/** What an agent that works may take to answer at most. */
const ANSWER_MS = 30_000;

export interface UpgradeHost {
  readonly config: AgentConfig;
  /** Where the program and its other names are. */
  readonly programs: string;
  readonly log: AgentLog;
  readonly now: () => Date;
}

/**
 * @returns how it ended; undefined if there was nothing to do
 * @throws CtrlExecError `busy` if another process is at it; `config`, `storage`
 */
export async function applyUpgrade(host: UpgradeHost): Promise<UpgradeEnd | undefined> {
  const { config } = host;
  if (!hasRootsPart(config)) throw noFolder(config);
  refuseUntrusted(config.upgrade_state);
  using _lock = lockState(config.upgrade_state);
  const upgrade = new Upgrade(host);
  const journal = readJournal(config);
  const end = journal === undefined ? await upgrade.begin() : await upgrade.goOn(journal);
  if (end !== undefined) upgrade.close(end);
  // One that cannot be read would start this again.
  else removeJournal(config);
  return end;
}

function noFolder({ upgrade_state }: AgentConfig): CtrlExecError {
  return new CtrlExecError("config", `Cannot upgrade: ${upgrade_state} is missing`, {
    hint: `install.sh --agent makes it. Where something else carries out upgrades: sudo install -d -m 0755 ${upgrade_state}`,
  });
}

function lockState(folder: string): HeldLock {
  const lock = tryLock(join(folder, "lock"));
  if (lock !== undefined) return lock;
  throw new CtrlExecError("busy", "Cannot upgrade: another process is at it");
}

/** Why a release was not put in place. */
class Refused extends Error {}

class Upgrade {
  readonly #host: UpgradeHost;
  readonly #files: ProgramFiles;

  constructor(host: UpgradeHost) {
    this.#host = host;
    this.#files = new ProgramFiles(host.programs);
  }

  async begin(tries = 0): Promise<UpgradeEnd | undefined> {
    using inbox = InboxReader.open(inboxOf(this.#host.config));
    if (inbox === undefined) return undefined;
    const request = inbox.request();
    if (request === undefined) {
      // Whatever it was, it must not start this again.
      inbox.clear();
      return undefined;
    }
    const { reqid, version: to } = request;
    let from = "";
    let journal: Journal;
    try {
      // One that was interrupted had begun in time.
      if (tries === 0 && inbox.age(this.#host.now()) > BEGINS_IN_MS) {
        throw new Refused(`it was handed over more than ${BEGINS_IN_MS / 60_000} minutes ago`);
      }
      this.#files.requireUsual();
      const inUse = await versionOf(this.#files.current);
      if (inUse === undefined) throw new Refused("the program in use does not say its version");
      from = inUse;
      journal = await this.#prepare(inbox, request, from, tries);
      writeJournal(this.#host.config, journal);
    } catch (thrown) {
      if (!(thrown instanceof Refused || thrown instanceof CtrlExecError)) throw thrown;
      return this.#ended("refused", { reqid, from, to }, messageOf(thrown));
    }
    // From here on an error refuses nothing any more: the journal stays, and the next start goes on.
    this.#files.putInPlace();
    return await this.#confirm(journal);
  }

  /** One that was interrupted. */
  async goOn(journal: Journal): Promise<UpgradeEnd | undefined> {
    const { program, failed, tries } = journal;
    const next = { ...journal, tries: tries + 1 };
    if (failed !== undefined) return await this.#rollBack(next, failed);
    const isInPlace = (await hashOf(this.#files.current)) === program;
    if (!isInPlace) {
      // Nothing has changed yet.
      const end = next.tries <= MAX_TRIES ? await this.begin(next.tries) : undefined;
      if (end !== undefined) return end;
      return this.#ended("refused", journal, `it was interrupted ${tries} times`);
    }
    if ((await hashOf(this.#files.kept)) === program) return this.#ended("upgraded", journal);
    if (next.tries > MAX_TRIES)
      return await this.#rollBack(next, `it was interrupted ${tries} times`);
    this.#noteIfPossible(next);
    return await this.#confirm(next);
  }

  /** How it ended is on the disk before what would start it again goes. */
  close(end: UpgradeEnd): void {
    const { config } = this.#host;
    writeLastEnd(config, end);
    try {
      this.#files.removeNext();
      removeIfPresent(this.#copy);
      using inbox = InboxReader.open(inboxOf(config));
      inbox?.clear();
    } finally {
      removeJournal(config);
    }
  }

  get #copy(): string {
    return join(this.#host.config.upgrade_state, "build.gz");
  }

  /** Steps 1 and 2. @throws Refused */
  async #prepare(
    inbox: InboxReader,
    request: InboxRequest,
    from: string,
    tries: number,
  ): Promise<Journal> {
    const { config } = this.#host;
    const { allow_upgrade, allow_downgrade, release_key: key } = config;
    if (!allow_upgrade || key === undefined) throw new Refused("agent.conf does not allow it");
    const { sums, signature, version } = request;
    const judged = judgeUpgrade({
      papers: { sums, signature, version },
      key,
      build: buildName(ownPlatform()),
      from,
      downgrade: request.downgrade && allow_downgrade,
    });
    if (judged.kind === "refused") throw new Refused(judged.problem);
    const program = await this.#unpack(inbox, judged.sha256);
    const says = await versionOf(this.#files.next);
    if (says !== version) {
      const said = says === undefined ? "does not start on this host" : `says that it is ${says}`;
      throw new Refused(`the program of ${version} ${said}`);
    }
    // Without an answer now, none could be expected afterwards.
    const waitMs = Math.min(ANSWER_MS, config.upgrade_timeout * 1000);
    const silent = await answersInTime(config, undefined, waitMs);
    if (silent !== undefined) throw new Refused(`the agent does not answer as it is: ${silent}`);
    this.#files.keepCurrent();
    return { reqid: request.reqid, from, to: version, program, tries };
  }

  async #unpack(inbox: InboxReader, sha256: string): Promise<string> {
    try {
      const build = inbox.openBuild();
      try {
        if (copyBuild(build, this.#copy) !== sha256) {
          throw new Refused("the build is not what SHA256SUMS says");
        }
      } finally {
        closeSync(build);
      }
      const program = await unpackBuild(this.#copy, this.#files.next);
      // The journal may need its room.
      removeIfPresent(this.#copy);
      return program;
    } catch (thrown) {
      if (thrown instanceof Refused) throw thrown;
      throw new Refused(`the build cannot be unpacked: ${messageOf(thrown)}`);
    }
  }

  /** Step 5, and what comes of it. */
  async #confirm(journal: Journal): Promise<UpgradeEnd> {
    const timeoutMs = this.#host.config.upgrade_timeout * 1000;
    const end = performance.now() + timeoutMs;
    const problem =
      (await restartAgent(this.#host.config, timeoutMs)) ??
      (await answersInTime(this.#host.config, journal.to, end - performance.now()));
    if (problem !== undefined) return await this.#rollBack(journal, problem);
    try {
      this.#files.keepCurrent();
    } catch (thrown) {
      // It works. The next upgrade keeps it before anything else, and until then the old one carries that out.
      return this.#ended("upgraded", journal, `it is not the kept one yet: ${messageOf(thrown)}`);
    }
    return this.#ended("upgraded", journal);
  }

  async #rollBack(journal: Journal, failed: string): Promise<UpgradeEnd> {
    const { config } = this.#host;
    this.#noteIfPossible({ ...journal, failed });
    this.#files.putBack();
    // How short the time for the new program is, is no reason to cut this restart: the host would have no agent left.
    const restartMs = Math.max(config.upgrade_timeout * 1000, ANSWER_MS);
    const problem =
      (await restartAgent(config, restartMs)) ??
      (await answersInTime(config, undefined, ANSWER_MS));
    const also = problem === undefined ? "" : `; nor does the old program work: ${problem}`;
    return this.#ended("rolled-back", journal, `${failed}${also}`);
  }

  /** A full disk must not keep the old program from coming back. */
  #noteIfPossible(journal: Journal): void {
    try {
      writeJournal(this.#host.config, journal);
    } catch {
      // Then the next start finds the journal as it was, and does this again.
    }
  }

  #ended(
    end: UpgradeEnd["end"],
    { reqid, from, to }: Pick<Journal, "reqid" | "from" | "to">,
    error?: string,
  ): UpgradeEnd {
    const { log, now } = this.#host;
    const said = error?.slice(0, MAX_ERROR);
    const asked = { from, release: to, reqid };
    if (end === "upgraded") log({ event: "upgrade", ...asked });
    else if (end === "refused") log({ event: "upgrade-fail", ...asked, error: said ?? "" });
    else log({ event: "upgrade-rollback", ...asked, error: said ?? "" });
    const ended = now().toISOString();
    return said === undefined
      ? { reqid, end, from, to, ended }
      : { reqid, end, from, to, error: said, ended };
  }
}

/** Characters: it is told over the wire. */
const MAX_ERROR = 1000;
