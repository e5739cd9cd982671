/** The groups of groups.d, beside ctrl-exec.conf. */
import { dirname, join } from "node:path";
import { tomlFiles } from "../../core/config/config-folder.ts";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { asCtrlExecError, CtrlExecError } from "../../core/errors.ts";
import { fileVersion } from "../../system/files/file-version.ts";
import { listFolder } from "../../system/files/files.ts";
import { readTrustedText, refuseUntrusted } from "../../system/files/trusted-file.ts";
import type { GroupDefinition } from "./definition.ts";
import { readGroupFile } from "./group-file.ts";
import { unusableFiles } from "./unusable-group.ts";

export type Groups = ReadonlyMap<string, GroupDefinition>;

/** Every request with a group checks each of them, before the hook has agreed (T67). */
const MAX_FILES = 1000;

/** Cached by configuration, failures too: an API reads the files when they have changed, not for every request. */
const read = new WeakMap<ControllerConfig, { version: string; groups: Groups | CtrlExecError }>();

/**
 * None if there is no such folder. @throws CtrlExecError `unusable` if one of the files cannot be read, or others
 * could change it (T62)
 */
export async function fileGroups(config: ControllerConfig): Promise<Groups> {
  try {
    return await readFolder(config);
  } catch (thrown) {
    const isFault = thrown instanceof CtrlExecError && thrown.code === "config";
    throw isFault ? unusableFiles(thrown) : thrown;
  }
}

export function groupFolder({ file }: ControllerConfig): string {
  return join(dirname(file), "groups.d");
}

async function readFolder(config: ControllerConfig): Promise<Groups> {
  const folder = groupFolder(config);
  refuseUntrusted(folder);
  const names = tomlFiles(listFolder(folder));
  if (names.length > MAX_FILES) {
    throw new CtrlExecError("config", `Cannot use ${folder}: more than ${MAX_FILES} files`, {
      hint: "One file may have many groups.",
    });
  }
  const files = names.map((name) => join(folder, name));
  const version = files.map((file) => `${file} ${fileVersion(file)}`).join("\n");
  const before = read.get(config);
  const groups =
    before?.version === version ? before.groups : await readAll(files).catch(asCtrlExecError);
  read.set(config, { version, groups });
  if (groups instanceof CtrlExecError) throw groups;
  return groups;
}

async function readAll(files: readonly string[]): Promise<Groups> {
  const groups = new Map<string, GroupDefinition>();
  for (const file of files) {
    for (const group of await readGroupFile(file, readTrustedText(file))) {
      const other = groups.get(group.name);
      if (other !== undefined) {
        throw new CtrlExecError(
          "config",
          `Cannot use ${file}: ${other.where} has a group ${group.name} too`,
          { hint: "Give one of them another name." },
        );
      }
      groups.set(group.name, group);
    }
  }
  return groups;
}
