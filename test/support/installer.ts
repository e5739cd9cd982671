/** install.sh, run by each shell it is written for. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { BINARY, type Finished, runCommand } from "./binary.ts";
import { ROOT } from "./documents.ts";
import type { TestFolder } from "./folder.ts";

export const INSTALLER = join(ROOT, "install.sh");

export const SHELLS: readonly (readonly string[])[] = [["dash"], ["bash"], ["busybox", "ash"]];

/**
 * Makes a script that does what the compiled binary does, to avoid copying a hundred megabytes each time. It asks
 * the binary once for its version and for each file that it carries, and has them from then on, as commands that
 * print them: an installer asks fifteen times, and would start another program each time.
 * @returns its path
 */
export function standIn(folder: TestFolder): string {
  mkdirSync(folder.join("kept"));
  return folder.script(
    "ctrl-exec",
    `case $1 in
      asset | --version) kept=${folder.join("kept")}/$1.\${2-} ;;
      *) exec ${BINARY} "$@" ;;
    esac
    [ -e "$kept" ] || {
      ${BINARY} "$@" >"$kept.new" || exit
      { printf "printf %%s '"; sed "s/'/'\\\\\\\\''/g" "$kept.new"; echo "'"; } >"$kept.print"
      mv "$kept.print" "$kept"
    }
    . "$kept"`,
  );
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
): Promise<Finished> {
  const script = piped === undefined ? [INSTALLER] : ["-s", "--"];
  const input = piped === undefined ? {} : { input: piped };
  return await runCommand([...shell, ...script, ...args], { env, cwd, ...input });
}
