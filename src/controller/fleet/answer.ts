/** Converts the outcome of asking one host into an answer, for every kind of request. */
import type * as z from "zod/mini";
import { refusalIn } from "../../core/wire/messages/refusal.ts";
import type { HostOutcome } from "./fan-out.ts";

export type Answer<Data> =
  | { readonly kind: "given"; readonly data: Data }
  /** The host answered something else. */
  | { readonly kind: "refused"; readonly status: number; readonly why: string }
  /** No answer came. */
  | { readonly kind: "none"; readonly why: string };

/**
 * @param schema of the body that answers the request
 * @param otherwise says what came instead, if the host does not say why
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
