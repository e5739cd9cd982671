/**
 * The last answer of group_command: `groups.json`, for this user alone. It contains names of groups and hosts and
 * nothing else from an inventory, such as Ansible's variables, which may include passwords.
 */
import * as z from "zod/mini";
import { messageOf } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { parseIso } from "../../core/time.ts";
import { ensureFolder, readTextIfPresent, writeWhole } from "../../system/files/files.ts";
import { takeLock } from "../../system/files/lock.ts";
import type { StoreContext } from "./host.ts";
import { lockPath } from "./lock-path.ts";
import { paths } from "./paths.ts";
import type { GroupAnswer, GroupStore } from "./ports/groups.ts";

const texts = z.array(z.string());

/** Groups as a list: a name such as `__proto__` is a name like any other. */
const stored = z.object({
  command: z.string(),
  time: z.string(),
  groups: z.array(
    z.object({ name: z.string(), expressions: texts, hosts: texts, children: texts }),
  ),
});

export class FileGroupAnswer implements GroupStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /** A file that cannot be used counts as missing, and is written again. */
  async answer(): Promise<GroupAnswer | undefined> {
    const found = readJsonAs(stored, this.#text());
    const time = found === undefined ? undefined : parseIso(found.time);
    if (found === undefined || time === undefined) return undefined;
    const groups = found.groups.map(({ name, ...listed }) => [name, listed] as const);
    return { command: found.command, time, groups: new Map(groups) };
  }

  #text(): string {
    try {
      return readTextIfPresent(paths(this.#context.config).groupAnswer) ?? "";
    } catch {
      return "";
    }
  }

  async keep({ command, time, groups }: GroupAnswer): Promise<void> {
    const { config, log } = this.#context;
    const list = [...groups].map(([name, listed]) => ({ name, ...listed }));
    try {
      ensureFolder(config.state_dir, 0o755);
      const text = JSON.stringify({ command, time: time.toISOString(), groups: list });
      writeWhole(paths(config).groupAnswer, `${text}\n`, 0o600);
    } catch (thrown) {
      log({ event: "config-warn", key: "state_dir", msg: messageOf(thrown) });
    }
  }

  async alone<Result>(waitMs: number, ask: () => Promise<Result>): Promise<Result> {
    using _lock = await takeLock(lockPath(this.#context.config, "group-command"), waitMs);
    return await ask();
  }
}
