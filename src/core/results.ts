/** One host's result, as the screen, `--json`, the API and the run records have it. */

import type { RunEnd } from "./run-state.ts";
import type { LongText } from "./wire/json-pieces.ts";

export type RunResult = HostRun & RunEnd;

interface HostRun {
  readonly host: string;
  readonly script: string;
  /** The script's own code; 126 killed or not executable; -1 when there is none: `state` says more. */
  readonly exit: number;
  readonly stdout: string | LongText;
  readonly stderr: string | LongText;
  /** Milliseconds with their unit: `42ms`. */
  readonly rtt: string;
  readonly reqid: string;
  /** The exact bytes, base64, when they are not UTF-8. */
  readonly stdout_b64?: string | LongText;
  readonly stderr_b64?: string | LongText;
  /** The signal that ended the script. */
  readonly signal?: string;
  /** The agent ended the script because its `timeout` was over. */
  readonly timed_out?: boolean;
  /** Bytes of output that are not here: beyond what the agent keeps, or what could be recorded. */
  readonly stdout_dropped?: number;
  readonly stderr_dropped?: number;
}

export interface PingResult {
  readonly host: string;
  readonly status: "ok" | "error";
  readonly rtt: string;
  /** OpenSSL's text form. */
  readonly expiry: string;
  readonly version: string;
  readonly reqid: string;
  readonly error?: string;
  /** Seconds by which its clock is ahead of this host's, from a minute on. */
  readonly clock_offset?: number;
}

export interface DiscoveredScript {
  readonly name: string;
  readonly path: string;
  readonly executable: boolean;
}

/** What one host says of itself. */
export interface DiscoveredHost {
  readonly host: string;
  readonly status: "ok" | "error";
  readonly version: string;
  readonly rtt: string;
  readonly scripts: readonly DiscoveredScript[];
  readonly tags: Readonly<Record<string, string>>;
  readonly error?: string;
}

/** A run as its record has it, from the moment it was accepted. */
export interface RunReportSoFar {
  readonly reqid: string;
  readonly script: string;
  /** Every host of the run, in the order given. */
  readonly hosts: readonly string[];
  /** Of the hosts that are done. */
  readonly results: readonly RunResult[];
  /** The hosts that are still out. */
  readonly pending: readonly string[];
  readonly complete: boolean;
  /** Who asked for it, as they called themselves. */
  readonly submitter: string;
  /** ISO 8601; empty in records of 0.8. */
  readonly started: string;
  /** ISO 8601; null while hosts are out. */
  readonly completed: string | null;
}

export function runFailed({ exit, error }: RunResult): boolean {
  return exit !== 0 || error !== undefined;
}

/** Of a host that gave no result. @param rtt empty when it is not known */
export function withoutResult(
  { script, reqid }: { readonly script: string; readonly reqid: string },
  host: string,
  rtt: string,
  end: RunEnd,
): RunResult {
  // The order of docs/PROTOCOL.md, section 5, which scripts grep for.
  return { host, script, exit: -1, stdout: "", stderr: "", rtt, reqid, ...end };
}

/** @param change told the error, where there is one */
export function changeError(result: RunResult, change: (error: string) => string): RunResult {
  return result.error === undefined ? result : { ...result, error: change(result.error) };
}
