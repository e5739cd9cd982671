/** Whether `doctor` is run by somebody who may not read or write everything that it has to check. */
import { accessSync, constants } from "node:fs";
import { type ControllerConfig, configArgument } from "../../../core/config/controller-config.ts";
import { isDenied } from "../../../system/files/files.ts";
import { paths } from "../../store/paths.ts";
import type { Finding } from "./finding.ts";

/** Empty for root, and for the user to whom the files belong. */
export function onlookerFindings(config: ControllerConfig): Finding[] {
  const { R_OK, W_OK } = constants;
  const needed = [
    [config.key, R_OK],
    [paths(config).caKey, R_OK],
    [config.state_dir, W_OK],
  ] as const;
  if (!needed.some(([path, how]) => isForbidden(path, how))) return [];
  return [
    {
      name: "user",
      ok: false,
      detail: "this user may not read and write everything that is to be checked",
      remedy: `run it as root: sudo ctrl-exec doctor${configArgument(config.file)}`,
      misconfigured: true,
    },
  ];
}

function isForbidden(path: string, how: number): boolean {
  try {
    accessSync(path, how);
    return false;
  } catch (thrown) {
    return isDenied(thrown);
  }
}
