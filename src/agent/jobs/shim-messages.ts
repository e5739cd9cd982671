/**
 * The messages between the agent and its shim: one JSON text per line. Both are the same binary, so neither checks
 * what the other sends.
 */
import type { OutputStream, RunEnding } from "../../core/run-event.ts";

/** Bytes in the file of each stream. */
export type KeptBytes = Readonly<Record<OutputStream, number>>;

/** To the shim: start this script. */
export interface StartMessage {
  /** The name of the job's folder. */
  readonly job: string;
  readonly folder: string;
  readonly file: string;
  readonly calledAs: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The context, with the token: it is in no file. */
  readonly input: string;
  /** The token again. An agent of an earlier version, before an upgrade, does not send it. */
  readonly secret?: string;
  readonly stdinTimeout: number;
  /** Seconds; undefined means no limit. */
  readonly timeout?: number | undefined;
  /** How many bytes of each stream are kept. */
  readonly maxOutput: number;
  /** How many bytes all jobs of this shim may hold together. */
  readonly room: number;
}

export type ShimMessage =
  /** It accepts messages from now on. */
  | { readonly kind: "ready" }
  | {
      readonly kind: "started";
      readonly job: string;
      /** ISO 8601. */
      readonly started: string;
    }
  | {
      readonly kind: "not-started";
      readonly job: string;
      readonly code: string;
      readonly mayHaveRun: boolean;
    }
  /** The script has left its context unread for too long. */
  | { readonly kind: "stalled"; readonly job: string; readonly bytes: number }
  | { readonly kind: "grew"; readonly job: string; readonly kept: KeptBytes }
  /** @param unwritten its end is not in its folder, or not yet */
  | {
      readonly kind: "ended";
      readonly job: string;
      readonly kept: KeptBytes;
      readonly ending: RunEnding;
      readonly unwritten?: boolean | undefined;
    };

export function lineOf(message: StartMessage | ShimMessage): string {
  return `${JSON.stringify(message)}\n`;
}

/** The messages in a stream of bytes. */
export async function* messagesIn<Message>(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Message> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = decoder.decode(chunk, { stream: true }).split("\n");
    lines[0] = rest + lines[0];
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line);
  }
}
