/** The socket of the process that takes detached rollouts: what it is asked, and what it answers. */
import { join } from "node:path";
import * as z from "zod/mini";
import { CtrlExecError } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { isDenied } from "../../system/files/files.ts";
import { askLocally } from "../../system/process/local-socket.ts";

export const NOT_TAKEN =
  "Cannot detach the rollout: ctrl-exec-api is not running, or does not answer";

/** A process that takes a rollout does not ask the auth hook before it answers. */
const ANSWER_MS = 10_000;

/** Without a request id, whether a process is there. */
export const offerQuestion = z.object({
  reqid: z.optional(z.string()),
  token: z.optional(z.string()),
});

const offerAnswer = z.object({
  ok: z.boolean(),
  error: z.optional(z.string()),
  hint: z.optional(z.string()),
});
export type OfferAnswer = z.output<typeof offerAnswer>;

/** @param folder of the rollouts */
export function takerSocket(folder: string): string {
  return join(folder, "taker");
}

/**
 * @param folder of the rollouts
 * @throws CtrlExecError `unreachable`, or `config` if this user may not enter the folder
 */
export async function askTaker(
  folder: string,
  question: z.output<typeof offerQuestion>,
): Promise<OfferAnswer> {
  const socket = takerSocket(folder);
  const text = await askLocally(socket, JSON.stringify(question), ANSWER_MS).catch((cause) => {
    if (isDenied(cause)) throw mayNotEnter(folder, cause);
    throw new CtrlExecError("unreachable", NOT_TAKEN, { cause });
  });
  const answer = readJsonAs(offerAnswer, text);
  if (answer !== undefined) return answer;
  throw new CtrlExecError("unreachable", NOT_TAKEN);
}

function mayNotEnter(folder: string, cause: unknown): CtrlExecError {
  const why = `this user may not enter ${folder}`;
  return new CtrlExecError("config", `Cannot hand over a rollout to ctrl-exec-api: ${why}`, {
    hint: "Run this as root (sudo), or as the user of ctrl-exec-api, or leave out --detach.",
    cause,
  });
}
