/**
 * Files that two users replace: root, and a service that must not write to the folder with their names. The
 * names are links that root made, to a folder in which the service may write (T13).
 */
import { lstatSync, readlinkSync } from "node:fs";
import { dirname } from "node:path";
import { MAX_SHORT_FILE, type ReadRule } from "./plain-file.ts";

/**
 * The path to read and to replace: where the link leads, if the path given is a link.
 *
 * Only this one link is followed, and only if root or this process's own user made it. A second link may be the
 * service's and lead root to /etc/shadow: writeWhole replaces it, and REPLACED_FILE refuses it.
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
    // There is nothing there, or nothing that can be inspected: whoever opens it gets the error.
    return undefined;
  }
}

/** How such a file is read: a second link is refused. */
export const REPLACED_FILE: ReadRule = { noLink: true, maxBytes: MAX_SHORT_FILE };
