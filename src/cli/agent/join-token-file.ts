/** Where `join` has its token from: a file or standard input, never the command line, which ps shows (T27). */
import { CtrlExecError } from "../../core/errors.ts";
import { type JoinToken, readJoinToken } from "../../core/join-token.ts";
import { callers } from "../command/callers.ts";
import type { Io } from "../command/io.ts";
import {
  INPUT,
  readInput,
  readTypedFile,
  type TypedFile,
  unusable,
} from "../command/typed-file.ts";

const TOKEN_FILE: TypedFile = {
  option: "--token-file",
  what: "a join token",
  holds: "a file with the token in one line",
  maxBytes: 4096,
};

/** @throws CtrlExecError `usage`, or `config` for what is not a whole token; never shows the file's content (T32) */
export async function joinTokenFrom(
  file: string | undefined,
  consume: boolean,
  io: Io,
): Promise<JoinToken> {
  if (file === undefined) {
    throw new CtrlExecError("usage", "join needs --token-file <path>, or - for standard input", {
      hint: "On the control host: ctrl-exec token create",
    });
  }
  if (file !== "-") return tokenIn(readTypedFile(TOKEN_FILE, file, callers().id), file);
  if (consume) {
    throw new CtrlExecError("usage", "--consume removes a file, and --token-file - names none");
  }
  if (io.inIsTerminal) {
    throw new CtrlExecError("usage", "--token-file - reads standard input, which is a terminal", {
      hint: "Redirect it, so that nobody reads the token on the screen: --token-file - < file",
    });
  }
  return tokenIn(await readInput(TOKEN_FILE), INPUT);
}

function tokenIn(bytes: Uint8Array, from: string): JoinToken {
  const token = readJoinToken(Buffer.from(bytes).toString("latin1"));
  if (typeof token === "string") throw unusable(TOKEN_FILE, from, token);
  return token;
}
