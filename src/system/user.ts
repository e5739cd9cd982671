/** Who this process runs as, by its user id: Bun's os.userInfo() believes the environment instead. */
import { readTextIfPresent } from "./files.ts";

export interface SystemUser {
  readonly name: string;
  readonly home: string;
}

let known: SystemUser | undefined;

/** From /etc/passwd, read once; a user that is not there goes by its number and has no home but `/`. */
export function currentUser(): SystemUser {
  known ??= readUser(String(process.getuid?.() ?? ""));
  return known;
}

function readUser(id: string): SystemUser {
  for (const line of (readTextIfPresent("/etc/passwd") ?? "").split("\n")) {
    const [name = "", , userId, , , home = "/"] = line.split(":");
    if (userId === id) return { name, home };
  }
  return { name: id, home: "/" };
}
