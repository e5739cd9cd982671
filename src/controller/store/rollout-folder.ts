/**
 * The folder of the rollouts under way, which is accessible only to its user, and what its files are called. Beside
 * them is what takers use: see rollout-taker.ts.
 */
import { join } from "node:path";
import { CtrlExecError } from "../../core/errors.ts";
import { isRequestId } from "../../core/request-id.ts";
import { ensureFolder, listFiles } from "../../system/files/files.ts";
import type { StoreContext } from "./host.ts";
import { paths } from "./paths.ts";

/**
 * What may be left of a rollout, besides its lock. The offer first: a taker that comes in between turns it into the
 * order, which is then removed.
 */
export const LEFT_OVER = ["offer", "pause", "continue", "cancel", "without", "order"] as const;

export type LeftFile = (typeof LEFT_OVER)[number];

export const OWN_ALONE = 0o600;

export class RolloutFolder {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  get path(): string {
    return paths(this.#context.config).rollouts;
  }

  /** For whoever writes there. @throws CtrlExecError `storage` */
  ensure(): void {
    ensureFolder(this.path, 0o700);
  }

  /** A request id is checked before it is part of a path (T17). */
  file(reqid: string, what: LeftFile | "lock"): string {
    if (isRequestId(reqid)) return join(this.path, `${reqid}.${what}`);
    throw new CtrlExecError("bad-request", `Cannot use "${reqid}": not a request id`);
  }

  /** The rollouts that have any of these files. */
  withAny(...whats: readonly (LeftFile | "lock")[]): readonly string[] {
    const named = new RegExp(`^([0-9a-f]{16})\\.(?:${whats.join("|")})$`);
    return [...new Set(listFiles(this.path).flatMap((name) => named.exec(name)?.[1] ?? []))];
  }
}
