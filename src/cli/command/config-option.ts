/** The values of `--config` and `--allowlist`: files that say what the program does. */
import { basename, dirname, extname, resolve } from "node:path";
import { CtrlExecError } from "../../core/errors.ts";
import { readTrustedTextIfPresent, type TrustRule } from "../../system/files/trusted-file.ts";
import { rightsAreLent } from "./lent-rights.ts";

export interface ConfigOption {
  /** The value typed; undefined means the usual file. */
  readonly given: string | undefined;
  readonly usual: string;
  readonly rule?: TrustRule;
}

export interface ConfigText {
  readonly file: string;
  readonly text: string;
}

/**
 * The file and its text. A file that was named must exist.
 *
 * @param absent the text to use if the usual file is missing; undefined makes that an error
 * @param lent whether the caller uses rights that are not its own
 * @throws CtrlExecError `config` if it cannot be read, or others can change what it says
 */
export function readConfig(
  option: ConfigOption,
  absent: string | undefined,
  lent = rightsAreLent(),
): ConfigText {
  const { given, usual, rule = {} } = option;
  const file = resolve(given ?? usual);
  refuseChosen(given, usual, lent);
  const text = readTrustedTextIfPresent(file, rule) ?? (given === undefined ? absent : undefined);
  if (text !== undefined) return { file, text };
  throw new CtrlExecError("config", `Cannot read ${file}: no such file or folder`, {
    hint: `Put it there (ctrl-exec asset ${basename(usual)} prints an example), or name another with --config.`,
  });
}

const CONFIGURATION_ENDINGS: readonly string[] = [".conf", ".toml"];

/**
 * Refuses a file that was chosen with lent rights, unless it is a configuration in the folder of the usual one.
 * A file elsewhere may be root's and still say what its author never meant: another program's `.conf` names no
 * hook, and on a file system that the caller mounted, root may own anything. In the folder itself, an editor's
 * copy (`ctrl-exec.conf~`, `.bak`, `.dpkg-old`) may name another hook, or none.
 *
 * @throws CtrlExecError `config`
 */
export function refuseChosen(
  given: string | undefined,
  usual: string,
  lent = rightsAreLent(),
): void {
  if (given === undefined || !lent) return;
  const file = resolve(given);
  const folder = dirname(usual);
  if (dirname(file) === folder && CONFIGURATION_ENDINGS.includes(extname(file))) return;
  const what = `Cannot use ${file}: under sudo only a .conf or .toml file in ${folder} can be named`;
  throw new CtrlExecError("config", what, {
    hint: "Leave the option out to use the usual file. In a root shell that sudo opened: env -u SUDO_UID",
  });
}
