/** The values of `--config` and `--allowlist`: files that say what the program does. */
import { basename, extname, resolve } from "node:path";
import { CtrlExecError } from "../core/errors.ts";
import {
  readTrustedTextIfPresent,
  refuseUntrusted,
  type TrustRule,
} from "../system/trusted-file.ts";
import { rightsAreLent } from "./lent-rights.ts";

export interface ConfigOption {
  /** What was typed; undefined means the usual file. */
  readonly given: string | undefined;
  readonly usual: string;
  readonly rule?: TrustRule;
}

export interface ConfigText {
  readonly file: string;
  readonly text: string;
}

/**
 * The file and its text. One that was named must be there.
 *
 * @param absent what the usual one stands for when it is missing; undefined makes that an error
 * @param lent whether the caller uses rights that are not its own
 * @throws CtrlExecError `config` when it cannot be read, or when others can change what it says
 */
export function readConfig(
  option: ConfigOption,
  absent: string | undefined,
  lent = rightsAreLent(),
): ConfigText {
  const { given, usual, rule = {} } = option;
  const file = resolve(given ?? usual);
  refuseChosen(given, lent);
  const text = readTrustedTextIfPresent(file, rule) ?? (given === undefined ? absent : undefined);
  if (text !== undefined) return { file, text };
  throw new CtrlExecError("config", `Cannot read ${file}: no such file or folder`, {
    hint: `Put it there (ctrl-exec asset ${basename(usual)} prints an example), or name another with --config.`,
  });
}

const LENT_HINT =
  "Under sudo a file that is named must be root's alone, as must every folder above it. " +
  "Leave the option away to use the usual file.";

/**
 * Refuses a file that was chosen with lent rights, unless it is root's choice as well: it and all
 * above it are root's (or the user's whose rights they are), not even /tmp is on the way, and its name
 * is a configuration's. An editor's copy of one (`ctrl-exec.conf~`, `.bak`, `.dpkg-old`) may have another
 * hook, or none.
 *
 * @throws CtrlExecError `config`
 */
export function refuseChosen(given: string | undefined, lent = rightsAreLent()): void {
  if (given === undefined || !lent) return;
  const file = resolve(given);
  refuseUntrusted(file, { noStickyFolders: true, hint: LENT_HINT });
  if ([".conf", ".toml"].includes(extname(file))) return;
  throw new CtrlExecError("config", `Cannot use ${file}: its name is not a configuration's`, {
    hint: "Under sudo only files whose names end in .conf or .toml can be named.",
  });
}
