/** One host's upgrade: sends the build in pieces, hands it over, and waits for how it ended. */
import { inOneLine } from "../../core/errors.ts";
import type { UpgradeResult, UpgradeState } from "../../core/release/upgrade-result.ts";
import { MAX_PIECE_BYTES } from "../../core/wire/limits.ts";
import {
  type UpgradeStatus,
  upgradeHave,
  upgradeStatus,
} from "../../core/wire/messages/upgrade-reply.ts";
import { judgeUpgrade } from "../../pki/upgrade.ts";
import { answerOf, whyNotAnswered } from "../fleet/answer.ts";
import { askHost, type FleetDialler, type HostOutcome } from "../fleet/fan-out.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { OpenRelease } from "./release.ts";
import { UploadProgress } from "./upload-progress.ts";

/** Between two questions how it goes. */
const LOOK_MS = 500;

/** Root's part begins at once. */
const BEGINS_IN_MS = 60_000;

export interface HostUpgrade {
  readonly reqid: string;
  readonly release: OpenRelease;
  /** The release key. */
  readonly key: Uint8Array;
  readonly downgrade: boolean;
  readonly username: string;
  readonly token: string;
  /** For its end, once it is handed over. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** Called with each answer that says which version the host has. */
  readonly onVersion: (outcome: HostOutcome, version: string) => void;
}

/** Why it goes no further. */
class Halt extends Error {
  constructor(
    readonly state: UpgradeState,
    message: string,
  ) {
    super(message);
  }
}

export async function upgradeHost(
  dialler: FleetDialler,
  target: ResolvedTarget,
  order: HostUpgrade,
): Promise<UpgradeResult> {
  const upgrade = new Upgrade(dialler, target, order);
  const whole = { host: target.label, to: order.release.version, reqid: order.reqid };
  try {
    const state = await upgrade.carryOut();
    return { ...whole, state, from: upgrade.from };
  } catch (thrown) {
    const state = thrown instanceof Halt ? thrown.state : "failed";
    return { ...whole, state, from: upgrade.from, error: inOneLine(thrown) };
  }
}

class Upgrade {
  from = "";
  readonly #dialler: FleetDialler;
  readonly #target: ResolvedTarget;
  readonly #order: HostUpgrade;

  constructor(dialler: FleetDialler, target: ResolvedTarget, order: HostUpgrade) {
    this.#dialler = dialler;
    this.#target = target;
    this.#order = order;
  }

  async carryOut(): Promise<UpgradeState> {
    const { release } = this.#order;
    const outcome = await this.#ask("GET", "/upgrade");
    const before = this.#statusIn(outcome);
    if (before === undefined) throw new Halt("failed", refusalOf(outcome));
    this.from = before.version;
    if (before.version === release.version) return "current";
    if (before.state === "waiting" || before.state === "applying") {
      throw new Halt("failed", "another upgrade is under way there");
    }
    await this.#send(await this.#buildFor(before));
    const handed = await this.#ask("POST", "/upgrade-apply", { reqid: this.#order.reqid });
    // Without an answer it may have been handed over all the same: then its end comes.
    if (handed.reply !== undefined && handed.reply.status !== 202) {
      throw new Halt("failed", whyNotAnswered(handed));
    }
    return await this.#waitForEnd();
  }

  async #buildFor({ build, version: from }: UpgradeStatus): Promise<Buffer> {
    const { release, key, downgrade } = this.#order;
    const { papers } = release;
    const judged = judgeUpgrade({ papers, key, build, from, downgrade });
    if (judged.kind === "good") return await release.build(build);
    const step = judged.fault === "older" ? "; --downgrade asks for it all the same" : "";
    throw new Halt("failed", `${judged.problem}${step}`);
  }

  async #send(bytes: Buffer): Promise<void> {
    const { reqid } = this.#order;
    const progress = new UploadProgress(bytes.length, performance.now());
    let have = await this.#begin(bytes.length);
    while (have < bytes.length) {
      progress.reach(have);
      const tooMuch = progress.send(performance.now());
      if (tooMuch !== undefined) throw new Halt("failed", tooMuch);
      const data = bytes.toString("base64", have, have + MAX_PIECE_BYTES);
      const outcome = await this.#ask("POST", "/upgrade-piece", { reqid, offset: have, data });
      const answer = answerOf(upgradeHave, outcome);
      if (answer.kind === "given" && answer.data.have > have) {
        have = answer.data.have;
        continue;
      }
      // The connection was lost, or the agent was restarted: it knows how far it is.
      if (this.#order.signal.aborted) throw new Halt("failed", "ctrl-exec was stopped");
      const again = answer.kind === "none" || (answer.kind === "refused" && answer.status === 404);
      const misplaced = upgradeHave.safeParse(outcome.reply?.json).data?.have;
      if (!progress.lose() || (!again && misplaced === undefined)) {
        throw new Halt("failed", whyNotAnswered(outcome));
      }
      await this.#pause();
      have = misplaced ?? (await this.#begin(bytes.length));
    }
  }

  /** @returns how many bytes the host has already */
  async #begin(size: number): Promise<number> {
    const { reqid, release, downgrade, username, token } = this.#order;
    const body = { reqid, ...release.papers, size, downgrade, username, token };
    const answer = answerOf(upgradeHave, await this.#ask("POST", "/upgrade", body));
    if (answer.kind === "given") return Math.min(answer.data.have, size);
    throw new Halt("failed", answer.why);
  }

  async #waitForEnd(): Promise<UpgradeState> {
    const { reqid, waitMs, signal } = this.#order;
    const begun = performance.now();
    let why = "it has not said";
    while (performance.now() - begun < waitMs) {
      await this.#pause();
      if (signal.aborted) throw new Halt("unknown", "it was handed over, and not waited for");
      const outcome = await this.#ask("GET", "/upgrade");
      const status = this.#statusIn(outcome);
      if (status === undefined) {
        why = whyNotAnswered(outcome);
        continue;
      }
      const { last, state } = status;
      if (last?.reqid === reqid) return this.#ended(last);
      why = `it is ${state}`;
      if (state === "waiting" && performance.now() - begun > BEGINS_IN_MS) {
        throw new Halt(
          "unknown",
          "nothing there takes it: is ctrl-exec-upgrade running? (systemctl status ctrl-exec-upgrade.path, or the service ctrl-exec-upgrade of OpenRC or procd)",
        );
      }
    }
    throw new Halt("unknown", `no end within ${Math.round(waitMs / 1000)} s: ${why}`);
  }

  #ended({ end, error = "" }: NonNullable<UpgradeStatus["last"]>): UpgradeState {
    if (end === "upgraded") return end;
    throw new Halt(end, error);
  }

  #statusIn(outcome: HostOutcome): UpgradeStatus | undefined {
    const answer = answerOf(upgradeStatus, outcome);
    if (answer.kind !== "given") return undefined;
    this.#order.onVersion(outcome, answer.data.version);
    return answer.data;
  }

  async #ask(method: "GET" | "POST", path: string, body?: unknown): Promise<HostOutcome> {
    const { signal } = this.#order;
    const isQuestion = method === "GET";
    const isSending = !isQuestion && path !== "/upgrade-apply";
    return await askHost(this.#dialler, this.#target, {
      ...{ method, path, body, reply: "words", idempotent: isQuestion },
      // Whether it was handed over, and how that goes, is asked to the end.
      ...(isSending ? { signal } : {}),
    });
  }

  async #pause(): Promise<void> {
    await Bun.sleep(LOOK_MS);
  }
}

/** An agent before 1.1 knows no such request. */
function refusalOf(outcome: HostOutcome): string {
  return outcome.reply?.status === 404
    ? "its agent knows no upgrades: install 1.1 or later there with install.sh"
    : whyNotAnswered(outcome);
}
