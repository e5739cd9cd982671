/** The receivers of notify.d, beside ctrl-exec.conf. */
import { join } from "node:path";
import { attemptValue } from "../../core/check.ts";
import { type FolderProblem, strayProblems } from "../../core/config/config-folder.ts";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { CtrlExecError, inOneLine } from "../../core/errors.ts";
import { listFolder } from "../../system/files/files.ts";
import { readTrustedText, refuseUntrusted } from "../../system/files/trusted-file.ts";
import type { HostContext } from "../store/host.ts";
import { noticeFolder, receiverFiles } from "./has-receivers.ts";
import { type Receiver, readReceiverFile } from "./receiver-file.ts";
import { requireUsable } from "./send.ts";

/** Each has its own queue in the spool. */
const MAX_FILES = 32;

/** It becomes part of a file name in the spool. */
const NAME = /^([A-Za-z0-9][A-Za-z0-9_-]{0,63})\.toml$/;

export interface Receivers {
  readonly receivers: readonly Receiver[];
  /** One for each file that cannot be used: the others can. */
  readonly problems: readonly unknown[];
  /** Whether there is a file of that name, or nobody knows: what waits for it goes on waiting. */
  mayBeThere(name: string): boolean;
}

/** None if there is no such folder. Never rejects: a file that cannot be used must not stop the others, or a run. */
export async function readReceivers(config: ControllerConfig): Promise<Receivers> {
  const receivers: Receiver[] = [];
  const problems: unknown[] = [];
  const found = new Set<string | undefined>();
  let isWhole = false;
  try {
    const folder = noticeFolder(config);
    refuseUntrusted(folder);
    const names = receiverFiles(config);
    if (names.length > MAX_FILES) {
      throw new CtrlExecError("config", `Cannot use ${folder}: more than ${MAX_FILES} files`);
    }
    for (const each of names) {
      const [, name] = NAME.exec(each) ?? [];
      const file = join(folder, each);
      found.add(name);
      try {
        if (name === undefined) throw badName(file);
        const receiver = await readReceiverFile(name, file, readTrustedText(file));
        receivers.push(receiver);
      } catch (thrown) {
        problems.push(thrown);
      }
    }
    isWhole = true;
  } catch (thrown) {
    problems.push(thrown);
  }
  return { receivers, problems, mayBeThere: (name) => !isWhole || found.has(name) };
}

/** Those that can be used. Of the others the log says why: whoever they are for does not learn of what happens. */
export async function usableReceivers({ config, log }: HostContext): Promise<readonly Receiver[]> {
  const { receivers, problems } = await readReceivers(config);
  for (const problem of problems) {
    log({ event: "config-warn", key: "notify.d", msg: inOneLine(problem) });
  }
  return receivers;
}

/** For whoever starts the API or reloads it, and for doctor: what cannot be used is reported before it is needed. */
export async function noticeProblems(config: ControllerConfig): Promise<FolderProblem[]> {
  const { receivers, problems } = await readReceivers(config);
  const unusable = receivers.flatMap((receiver) => {
    try {
      requireUsable(receiver);
      return [];
    } catch (thrown) {
      return [thrown];
    }
  });
  const path = noticeFolder(config);
  const { value: names = [] } = attemptValue(() => listFolder(path));
  return [...problems, ...unusable, ...strayProblems(path, names)].map((problem) => {
    return { folder: "notify.d", problem };
  });
}

function badName(file: string): CtrlExecError {
  return new CtrlExecError(
    "config",
    `Cannot use ${file}: its name has other characters than letters, digits, - and _, or is too long`,
    { hint: "Name it after whom it tells: pager.toml" },
  );
}
