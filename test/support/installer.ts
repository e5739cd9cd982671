/** install.sh, run by each shell it is written for. */
import { join } from "node:path";
import { ROOT } from "./documents.ts";

export const INSTALLER = join(ROOT, "install.sh");

export const SHELLS: readonly (readonly string[])[] = [["dash"], ["bash"], ["busybox", "ash"]];

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
