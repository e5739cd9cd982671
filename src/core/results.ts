/** One host's result, as the screen, `--json`, the API and the run records have it. */

export interface RunResult {
  readonly host: string;
  readonly script: string;
  /** The script's own code; 126 killed or not executable; -1 when it never ran. */
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Milliseconds with their unit: `42ms`. */
  readonly rtt: string;
  readonly reqid: string;
  readonly error?: string;
  /** The exact bytes, base64, when they are not UTF-8. */
  readonly stdout_b64?: string;
  readonly stderr_b64?: string;
  /** The signal that ended the script. */
  readonly signal?: string;
  /** The agent ended the script because its `timeout` was over. */
  readonly timed_out?: boolean;
  /** Bytes of output beyond what the agent keeps. */
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
}

export function runFailed({ exit, error }: RunResult): boolean {
  return exit !== 0 || error !== undefined;
}
