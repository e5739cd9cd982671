/** Where `join` gets its token from: a file or standard input, never the command line, which ps shows (T27). */
import { lstatSync, type Stats } from "node:fs";
import { CtrlExecError } from "../../core/errors.ts";
import { type JoinToken, readJoinToken } from "../../core/join-token.ts";
import { removeIfPresent } from "../../system/files/files.ts";
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
  isSecret: true,
};

export interface TypedJoinToken {
  readonly token: JoinToken;
  /** Removes the token's file, for `--consume`. Returns false if another file is now in its place; that one stays. */
  consume(): boolean;
}

/** @throws CtrlExecError `usage`, also if it does not hold a whole token; never shows the file's content (T32) */
export async function joinTokenFrom(
  file: string | undefined,
  consume: boolean,
  io: Io,
): Promise<TypedJoinToken> {
  if (file === undefined) {
    throw new CtrlExecError("usage", "join needs --token-file <path>, or - for standard input", {
      hint: "On the control host: ctrl-exec token create",
    });
  }
  // An error with the text would put the secret into a log (T32).
  if (/^cxj\d/.test(file)) {
    throw new CtrlExecError(
      "usage",
      "--token-file takes the path of a file, not the token itself",
      {
        hint: "Others on this host can read a command line. Make another token: ctrl-exec token create",
      },
    );
  }
  if (file !== "-") {
    const caller = callers().id;
    // The caller could replace the folder with a link, and root would remove one of its own files (T62).
    if (consume && caller !== undefined) {
      throw new CtrlExecError("usage", "--consume does not work under sudo and the like", {
        hint: "Remove the file yourself once this host has joined. In a root shell that sudo opened: env -u SUDO_UID",
      });
    }
    const before = consume ? lookAt(file) : undefined;
    const token = tokenIn(readTypedFile(TOKEN_FILE, file, caller), file);
    return { token, consume: () => removeUnchanged(file, before) };
  }
  if (consume) {
    throw new CtrlExecError("usage", "--consume removes a file, and --token-file - names none");
  }
  if (io.inIsTerminal) {
    throw new CtrlExecError("usage", "--token-file - reads standard input, which is a terminal", {
      hint: "Redirect it, so that nobody reads the token on the screen: --token-file - < file",
    });
  }
  return { token: tokenIn(await readInput(TOKEN_FILE), INPUT), consume: () => true };
}

function lookAt(file: string): Stats | undefined {
  return lstatSync(file, { throwIfNoEntry: false });
}

/** Joining may take long: what is there by then may belong to somebody else. */
function removeUnchanged(file: string, before: Stats | undefined): boolean {
  const now = lookAt(file);
  if (now === undefined) return true;
  if (now.dev !== before?.dev || now.ino !== before.ino) return false;
  removeIfPresent(file);
  return true;
}

function tokenIn(bytes: Uint8Array, from: string): JoinToken {
  const token = readJoinToken(Buffer.from(bytes).toString("latin1"));
  if (typeof token === "string") throw unusable(TOKEN_FILE, from, token);
  return token;
}
