/** The options of a script in the allowlist: how each is read, and what the documents say of it. */
import { MAX_TIMER_SECONDS } from "../../core/config/config-fields.ts";
import { parseByteSize } from "../../core/units.ts";

export interface ScriptOptions {
  /** Seconds that a run may take; if undefined, there is no limit. */
  readonly timeout?: number;
  /** Bytes kept of each stream, in place of agent.conf's max_output. */
  readonly max_output?: number;
  /** Concurrent runs on this host; if undefined, there is no limit. */
  readonly concurrency?: number;
}

interface ScriptOption {
  read(text: string): number | undefined;
  /** What is read, for messages. */
  readonly expected: string;
  readonly example: string;
  readonly text: string;
}

export const SCRIPT_OPTIONS: Readonly<Record<keyof ScriptOptions, ScriptOption>> = {
  timeout: {
    read: (text) => wholeNumber(text, MAX_TIMER_SECONDS),
    expected: `seconds from 1 to ${MAX_TIMER_SECONDS}`,
    example: "300",
    text: "Seconds that a run may take; then everything that it has started gets TERM, and five seconds later KILL. run --timeout can only shorten it.",
  },
  max_output: {
    read: parseByteSize,
    expected: "a size such as 65536, 512K or 64M",
    example: "1M",
    text: "Bytes kept of each of its two streams, in place of max_output in agent.conf.",
  },
  concurrency: {
    read: (text) => wholeNumber(text, 10_000),
    expected: "a number from 1 to 10000",
    example: "1",
    text: "Most runs at the same time on this host; one more is refused.",
  },
};

export function isScriptOption(key: string): key is keyof ScriptOptions {
  return Object.hasOwn(SCRIPT_OPTIONS, key);
}

function wholeNumber(text: string, max: number): number | undefined {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= max ? number : undefined;
}
