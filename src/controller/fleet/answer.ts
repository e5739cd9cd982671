/** What came of asking one host: the fold of an outcome into a result and its log line, for every request. */
import type * as z from "zod/mini";
import type { LogFields } from "../../core/log-line.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { refusalIn } from "../../core/wire/messages.ts";
import type { HostContext } from "../store/host.ts";
import type { HostOutcome } from "./fan-out.ts";

export type Answer<Data> =
  | { readonly kind: "given"; readonly data: Data }
  /** The host answered with something else. */
  | { readonly kind: "refused"; readonly status: number; readonly why: string }
  /** No answer came. */
  | { readonly kind: "none"; readonly why: string };

/**
 * @param schema of the body that answers the request
 * @param otherwise says what came instead, where the host does not say why
 */
export function answerOf<Schema extends z.ZodMiniType>(
  schema: Schema,
  outcome: HostOutcome,
  otherwise?: (status: number) => string,
): Answer<z.output<Schema>> {
  const { reply } = outcome;
  const why = () => whyNotAnswered(outcome, otherwise);
  if (reply === undefined) return { kind: "none", why: why() };
  const { status } = reply;
  const answered = status === 200 ? schema.safeParse(reply.json) : undefined;
  return answered?.success
    ? { kind: "given", data: answered.data }
    : { kind: "refused", status, why: why() };
}

export function whyNotAnswered(
  { reply, error }: HostOutcome,
  otherwise = (status: number) => `answered with status ${status}`,
): string {
  if (reply === undefined) return error ?? "no answer";
  return refusalIn(reply.json) ?? otherwise(reply.status);
}

/** One line for each host. */
export interface AnswerLine {
  readonly action: string;
  /** Why there is no answer, or what went wrong on the host. */
  readonly error: string | undefined;
  /** In the line of an answer without an error. */
  readonly given: LogFields;
  /** In either line. */
  readonly always: LogFields;
}

/** @param rtt milliseconds; undefined when nobody waited for the host */
export function logAnswer(
  { log }: HostContext,
  { target, rtt }: Pick<HostOutcome, "target"> & { readonly rtt: number | undefined },
  { action, error, given, always }: AnswerLine,
): void {
  const fields = { ...always, RTT: rtt, TARGET: formatHostPort(target.name, target.port) };
  if (error === undefined) log("info", action, { ...given, ...fields });
  else log("err", action, { ERROR: error, ...fields });
}
