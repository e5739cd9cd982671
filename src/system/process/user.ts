/** The user that this process runs as, by its user id: Bun's os.userInfo() trusts the environment instead. */
import { readTextIfPresent } from "../files/files.ts";

export interface SystemUser {
  readonly name: string;
  readonly home: string;
}

let known: SystemUser | undefined;

/** From /etc/passwd, read once; a user that is not there has its number as name and `/` as home. */
export function currentUser(): SystemUser {
  const id = String(process.getuid?.() ?? "");
  known ??= find(({ userId }) => userId === id) ?? { name: id, home: "/" };
  return known;
}

/** @param user an id, or a name already @returns the name, or the id of a user that is not in /etc/passwd */
export function userName(user: string): string {
  return find(({ userId }) => userId === user)?.name ?? user;
}

/** @param user an id, or a name @returns NaN for a name that is not in /etc/passwd */
export function userId(user: string): number {
  if (/^\d+$/.test(user)) return Number(user);
  // An empty line of the file would match the empty name.
  const found = user === "" ? undefined : find(({ name }) => name === user);
  return found === undefined ? Number.NaN : Number.parseInt(found.userId, 10);
}

interface Entry extends SystemUser {
  readonly userId: string;
}

function find(holds: (entry: Entry) => boolean): Entry | undefined {
  const lines = (readTextIfPresent("/etc/passwd") ?? "").split("\n");
  const entries = lines.map((line) => {
    const [name = "", , userId = "", , , home = "/"] = line.split(":");
    return { name, userId, home };
  });
  return entries.find(holds);
}
