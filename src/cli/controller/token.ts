/** The token for the auth hooks: typed, in a file, on standard input, or in the environment. */
import { lstatSync, type Stats } from "node:fs";
import { CtrlExecError } from "../../core/errors.ts";
import { formatBytes } from "../../core/units.ts";
import { fileProblem } from "../../system/files/files.ts";
import { readPlainFile } from "../../system/files/plain-file.ts";
import { callers } from "../command/callers.ts";
import { directPath } from "../command/direct-path.ts";
import type { Io } from "../command/io.ts";

export interface TokenOptions {
  readonly token: string | undefined;
  readonly "token-file": string | undefined;
}

/** Half of the longest environment variable that the system allows: bytes. */
const MAX_BYTES = 65_536;

const INPUT = "standard input";

/** @throws CtrlExecError `usage`, or `config` for a file without a token; never shows the file's content */
export async function tokenOption(
  { token, "token-file": file }: TokenOptions,
  io: Io,
): Promise<string> {
  if (file === undefined) return token ?? io.env.ENVEXEC_TOKEN ?? "";
  if (token !== undefined) {
    throw new CtrlExecError("usage", "--token and --token-file cannot be used together", {
      hint: "Use --token-file alone: it keeps the token out of process lists.",
    });
  }
  if (file !== "-") return readTokenFile(file, callers().id);
  if (io.inIsTerminal) {
    throw new CtrlExecError("usage", "--token-file - reads standard input, which is a terminal", {
      hint: "Redirect it, so that nobody reads the token on the screen: --token-file - < file",
    });
  }
  return tokenIn(await readInput(), INPUT);
}

/**
 * The token in a plain file. Under sudo and the like, the file must be the caller's own: the token is sent to
 * hooks and hosts, and must not carry root's files there. Every fault then gets the same refusal, since the
 * file may be one that the caller may not even look for (T62).
 *
 * @param caller who called with lent rights; undefined when none are lent
 * @throws CtrlExecError `config`
 */
export function readTokenFile(path: string, caller: number | undefined): string {
  let bytes: Uint8Array | undefined;
  try {
    bytes =
      caller === undefined
        ? readPlainFile(path, { maxBytes: MAX_BYTES }).bytes
        : readOf(caller, path);
  } catch (cause) {
    if (caller === undefined) throw unusable(path, fileProblem(cause));
  }
  if (bytes !== undefined) return tokenIn(bytes, path);
  throw new CtrlExecError(
    "config",
    `Cannot use ${path}: there is no plain file of your own at that path`,
    {
      hint: "Under sudo, --token-file reads only your own files and follows no links. Let your shell open it: --token-file - < file\nIn a root shell that sudo opened: env -u SUDO_UID",
    },
  );
}

/** Undefined if the file is not the caller's. @throws the system's error */
function readOf(caller: number, path: string): Uint8Array | undefined {
  // Files in /proc have no size, and perhaps no end.
  const isTheirs = (facts: Stats) => facts.isFile() && facts.uid === caller && facts.size > 0;
  const direct = directPath(path);
  if (direct === undefined) return undefined;
  // Before opening it: opening a device may already have an effect.
  if (!isTheirs(lstatSync(direct))) return undefined;
  const { bytes, stats } = readPlainFile(direct, { maxBytes: MAX_BYTES, noLink: true });
  return isTheirs(stats) ? bytes : undefined;
}

async function readInput(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of Bun.stdin.stream()) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_BYTES) throw unusable(INPUT, `it is longer than ${formatBytes(MAX_BYTES)}`);
  }
  return Buffer.concat(chunks);
}

function tokenIn(bytes: Uint8Array, from: string): string {
  const token = Buffer.from(bytes)
    .toString("utf8")
    .replace(/\r?\n$/, "");
  if (token === "") throw unusable(from, "it is empty");
  if (/[\p{Cc}\ufffd]/u.test(token)) throw unusable(from, "it is not one line of text");
  return token;
}

function unusable(from: string, problem: string): CtrlExecError {
  return new CtrlExecError("config", `Cannot take a token from ${from}: ${problem}`, {
    hint: "--token-file takes a file with the token in one line, or - for standard input.",
  });
}
