/** A file that an option names, or standard input: only the caller's own (T62). */
import { lstatSync, type Stats } from "node:fs";
import { CtrlExecError } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";
import { formatBytes } from "../../core/units.ts";
import { fileProblem } from "../../system/files/files.ts";
import { type PlainFile, readPlainFile } from "../../system/files/plain-file.ts";
import { directPath } from "./direct-path.ts";

/** What such an option accepts. */
export interface TypedFile {
  /** `--token-file` */
  readonly option: string;
  /** `a token` */
  readonly what: string;
  /** `a file with the token in one line` */
  readonly holds: string;
  readonly maxBytes: number;
  /** Refused if every user of this host may open it, as a private key is. Standard input is the shell's matter. */
  readonly isSecret?: true;
}

export const INPUT = "standard input";

/**
 * The bytes of a plain file. Under sudo and the like, the file must be the caller's own: what is in it is shown, or
 * sent to hooks and hosts, and must not carry root's files there. Every fault then gets the same refusal, since the
 * file may be one that the caller may not even look for.
 *
 * @param caller who called with lent rights; undefined when none are lent
 * @throws CtrlExecError `usage`: the path was typed
 */
export function readTypedFile(
  file: TypedFile,
  path: string,
  caller: number | undefined,
): Uint8Array {
  const { maxBytes, option } = file;
  let read: PlainFile | undefined;
  try {
    read =
      caller === undefined ? readPlainFile(path, { maxBytes }) : readOf(caller, path, maxBytes);
  } catch (cause) {
    if (caller === undefined) throw unusable(file, path, fileProblem(cause));
  }
  if (read !== undefined) {
    if (file.isSecret === true) refuseOpen(file, path, read.stats);
    return read.bytes;
  }
  throw new CtrlExecError(
    "usage",
    `Cannot use ${path}: there is no plain file of your own at that path`,
    {
      hint: `Under sudo, ${option} reads only your own files and follows no links. Let your shell open it: ${option} - < file\nIn a root shell that sudo opened: env -u SUDO_UID`,
    },
  );
}

/** Undefined if the file is not the caller's. @throws the system's error */
function readOf(caller: number, path: string, maxBytes: number): PlainFile | undefined {
  // Files in /proc have no size, and perhaps no end.
  const isTheirs = (facts: Stats) => facts.isFile() && facts.uid === caller && facts.size > 0;
  const direct = directPath(path);
  if (direct === undefined) return undefined;
  // Before opening it: opening a device may already have an effect.
  if (!isTheirs(lstatSync(direct))) return undefined;
  const file = readPlainFile(direct, { maxBytes, noLink: true });
  return isTheirs(file.stats) ? file : undefined;
}

function refuseOpen({ what }: TypedFile, path: string, { mode }: Stats): void {
  if ((mode & 0o007) === 0) return;
  const shown = (mode & 0o777).toString(8).padStart(4, "0");
  const problem = `every user of this host may open it (mode ${shown})`;
  throw new CtrlExecError("usage", `Cannot take ${what} from ${path}: ${problem}`, {
    hint: `Make it private: chmod 600 ${shellWord(path)}`,
  });
}

/** All of standard input. @throws CtrlExecError `usage` if it is too long */
export async function readInput(file: TypedFile): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of Bun.stdin.stream()) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > file.maxBytes) {
      throw unusable(file, INPUT, `it is longer than ${formatBytes(file.maxBytes)}`);
    }
  }
  return Buffer.concat(chunks);
}

export function unusable(
  { option, what, holds }: TypedFile,
  from: string,
  problem: string,
): CtrlExecError {
  return new CtrlExecError("usage", `Cannot take ${what} from ${from}: ${problem}`, {
    hint: `${option} takes ${holds}, or - for standard input.`,
  });
}
