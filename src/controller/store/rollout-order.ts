/**
 * `<reqid>.order` of a detached rollout: what is needed to go on with it and is not in its record. Anyone who could
 * write one could run scripts in the name of another (T62), so it is accepted only as this program writes it.
 */
import * as z from "zod/mini";
import { CtrlExecError, messageOf, systemCode } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { fileError } from "../../system/files/files.ts";
import { readPlainFile } from "../../system/files/plain-file.ts";
import type { StoreContext } from "./host.ts";
import type { RolloutOrder } from "./ports/rollouts.ts";
import { RolloutFolder } from "./rollout-folder.ts";

export const rolloutOrder = z.object({
  args: z.array(z.string()),
  timeout: z.optional(z.int()),
  face: z.enum(["cli", "api"]),
  username: z.string(),
  sourceIp: z.string(),
  route: z.optional(z.string()),
  hasToken: z.boolean(),
  registered: z.array(z.string()),
  mayFail: z.int(),
});

const OTHERS = 0o077;

/**
 * How a detached rollout goes on that no process carries out now: ctrl-exec-api will, or somebody who gives the token
 * again.
 */
export type Waiting = "waits" | "for its token";

/** @throws CtrlExecError `config` if it is a link, or others could have written it or can read it */
export function readOrder(path: string): RolloutOrder | undefined {
  try {
    const { bytes, stats } = readPlainFile(path, { noLink: true });
    const own = process.geteuid?.() ?? 0;
    if (stats.uid !== 0 && stats.uid !== own) throw new Error(`it belongs to user ${stats.uid}`);
    if ((stats.mode & OTHERS) !== 0) throw new Error("others may read or write it");
    if (stats.nlink !== 1) throw new Error("it has a second name (a hard link)");
    const order = readJsonAs(rolloutOrder, bytes.toString("utf8"));
    if (order === undefined) throw new Error("it is damaged");
    return order;
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return undefined;
    if (systemCode(cause) !== "") throw fileError("config", "use", path, cause);
    throw new CtrlExecError("config", `Cannot use ${path}: ${messageOf(cause)}`, {
      cause,
      hint: "Remove it, and go on with the rollout with run --resume.",
    });
  }
}

/** Undefined if it was not detached, or nobody can go on with it. */
export function waitsFor(context: StoreContext, reqid: string): Waiting | undefined {
  try {
    const order = readOrder(new RolloutFolder(context).file(reqid, "order"));
    if (order === undefined) return undefined;
    return order.hasToken ? "for its token" : "waits";
  } catch {
    // Nobody goes on with it.
    return undefined;
  }
}
