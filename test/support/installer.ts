/** install.sh, run by each shell it is written for. */
import { join } from "node:path";
import { BINARY } from "./binary.ts";
import { ROOT } from "./documents.ts";
import type { TestFolder } from "./folder.ts";

export const INSTALLER = join(ROOT, "install.sh");

export const SHELLS: readonly (readonly string[])[] = [["dash"], ["bash"], ["busybox", "ash"]];

/** Does what the compiled binary does, without its hundred megabytes to copy each time. @returns its path */
export function standIn(folder: TestFolder): string {
  return folder.script("ctrl-exec", `exec ${BINARY} "$@"`);
}

export interface Installed {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

interface InstallOptions {
  readonly shell?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The script comes on standard input, as from curl. */
  readonly piped?: string;
  readonly cwd?: string;
}

export async function install(
  args: readonly string[],
  { shell = ["dash"], env = {}, piped, cwd = "/" }: InstallOptions = {},
): Promise<Installed> {
  const script = piped === undefined ? [INSTALLER] : ["-s", "--"];
  const child = Bun.spawn([...shell, ...script, ...args], {
    stdin: piped === undefined ? "ignore" : new Blob([piped]),
    stdout: "pipe",
    stderr: "pipe",
    cwd,
    env: { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", HOME: "/", ...env },
  });
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, out, err };
}
