/** Where files that a configuration does not name are looked for, when the configuration is given by a link. */
import { realpathSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Text for the hint about a file that is missing beside `file`; empty unless `file` is a link to another
 * folder.
 */
export function besideLink(file: string): string {
  try {
    const real = realpathSync(file);
    if (dirname(real) === realpathSync(dirname(file))) return "";
    return `${file} is a link to ${real}: files without a path of their own are looked for beside the link. `;
  } catch {
    return "";
  }
}
