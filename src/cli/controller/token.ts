/** The token for the auth hooks: typed, in a file, on standard input, or in the environment. */
import { CtrlExecError } from "../../core/errors.ts";
import { callers } from "../command/callers.ts";
import type { Io } from "../command/io.ts";
import {
  INPUT,
  readInput,
  readTypedFile,
  type TypedFile,
  unusable,
} from "../command/typed-file.ts";

export interface TokenOptions {
  readonly token: string | undefined;
  readonly "token-file": string | undefined;
}

const TOKEN_FILE: TypedFile = {
  option: "--token-file",
  what: "a token",
  holds: "a file with the token in one line",
  // Half of the longest environment variable that the system allows.
  maxBytes: 65_536,
  isSecret: true,
};

/** @throws CtrlExecError `usage`, also for a file without a token; never shows the file's content */
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
  return tokenIn(await readInput(TOKEN_FILE), INPUT);
}

/**
 * The token in a plain file.
 *
 * @param caller who called with lent rights; undefined when none are lent
 * @throws CtrlExecError `usage`
 */
export function readTokenFile(path: string, caller: number | undefined): string {
  return tokenIn(readTypedFile(TOKEN_FILE, path, caller), path);
}

function tokenIn(bytes: Uint8Array, from: string): string {
  const token = Buffer.from(bytes)
    .toString("utf8")
    .replace(/\r?\n$/, "");
  if (token === "") throw unusable(TOKEN_FILE, from, "it is empty");
  if (/[\p{Cc}\ufffd]/u.test(token)) throw unusable(TOKEN_FILE, from, "it is not one line of text");
  return token;
}
