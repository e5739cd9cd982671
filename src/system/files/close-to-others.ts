/** Takes away other users' rights to one of this user's own files or folders, and nothing else. */
import { closeSync, constants, fchmodSync, fstatSync, openSync } from "node:fs";
import { CtrlExecError } from "../../core/errors.ts";
import { fileError } from "./files.ts";

/**
 * The caller knows that only root and this user can change where the path leads. A link is not followed, and a file
 * that has a second name, which another user may have given it, is left alone.
 *
 * @param bits of the mode to take away
 * @returns the mode before and after; undefined if there was nothing to take away
 * @throws CtrlExecError `config` if it is not this user's to change
 */
export function closeToOthers(
  path: string,
  bits: number,
): { readonly before: number; readonly after: number } | undefined {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let file: number | undefined;
  try {
    file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const facts = fstatSync(file);
    const before = facts.mode & 0o7777;
    const after = before & ~bits;
    if (before === after) return undefined;
    const isSole = facts.isDirectory() || (facts.isFile() && facts.nlink === 1);
    if (facts.uid !== process.geteuid?.() || !isSole) {
      throw new CtrlExecError("config", `Cannot close ${path}: it is not this user's alone`, {
        hint: `See whose it is, and why: ls -ld ${path}`,
      });
    }
    fchmodSync(file, after);
    return { before, after };
  } catch (thrown) {
    if (thrown instanceof CtrlExecError) throw thrown;
    throw fileError("storage", "close", path, thrown);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
