/** Where files are looked for that a configuration does not name, when it was given by a link. */
import { realpathSync } from "node:fs";
import { dirname } from "node:path";

/** For the hint of a file that is missing beside `file`; empty unless `file` is a link to another folder. */
export function besideLink(file: string): string {
  try {
    const real = realpathSync(file);
    if (dirname(real) === realpathSync(dirname(file))) return "";
    return `${file} is a link to ${real}: files without a path of their own are looked for beside the link. `;
  } catch {
    return "";
  }
}
