/**
 * Files that two users replace: root, and a service that must not write to the folder with their names. The
 * names are links that root made, to a folder in which the service may write (T13).
 */
import { constants, lstatSync, readlinkSync } from "node:fs";
import { dirname } from "node:path";
import { systemCode } from "../../core/errors.ts";
import { fileError } from "./files.ts";
import { readPlainFile } from "./plain-file.ts";

/**
 * The path to read and to replace: where the link leads, if the path given is a link.
 *
 * Only this one link is followed, and only if root or this process's own user made it. A second link may be the
 * service's and lead root to /etc/shadow: writeWhole replaces it, and readPlain refuses it.
 */
export function fileToReplace(path: string): string {
  const target = ownLink(path);
  if (target === undefined) return path;
  // Not normalised: after a folder that is a link, "../.." leads elsewhere.
  return target.startsWith("/") ? target : `${dirname(path)}/${target}`;
}

function ownLink(path: string): string | undefined {
  try {
    const facts = lstatSync(path);
    if (!facts.isSymbolicLink()) return undefined;
    const { uid, nlink } = facts;
    // If the link has a second name, somebody else may have given it this one.
    const isOwn = (uid === 0 || uid === process.geteuid?.()) && nlink === 1;
    return isOwn ? readlinkSync(path) : undefined;
  } catch {
    // There is nothing, or nothing that can be looked at: whoever opens it gets the error.
    return undefined;
  }
}

/** No such file is longer. */
const MAX_BYTES = 1_048_576;

/**
 * The text of a plain file. Follows no link and never waits for a FIFO.
 * @throws CtrlExecError `config` that names the file
 */
export function readPlain(path: string): string {
  try {
    return read(path);
  } catch (thrown) {
    throw fileError("config", "read", path, thrown);
  }
}

/** The same, or undefined when there is no such file; any other failure throws. */
export function readPlainIfPresent(path: string): string | undefined {
  try {
    return read(path);
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return undefined;
    throw fileError("config", "read", path, thrown);
  }
}

function read(path: string): string {
  return readPlainFile(path, constants.O_NOFOLLOW, MAX_BYTES).bytes.toString("utf8");
}
