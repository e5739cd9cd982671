/** The files of the locks on this host's own files. */
import { join } from "node:path";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { ensureFolder } from "../../system/files/files.ts";
import { paths } from "./paths.ts";

type OwnLock =
  | "registry"
  | "issued"
  | "maintenance"
  | "pairing-mode"
  | "clocks"
  | "group-command"
  | "counts"
  | "learned"
  | "notices"
  | "notices-look"
  | "run-index"
  | "run-records";

/** For whoever takes the lock: creates its folder. @throws CtrlExecError `storage` */
export function lockPath(config: ControllerConfig, name: OwnLock): string {
  ensureFolder(paths(config).locks, 0o750);
  return lockPathAsItIs(config, name);
}

/** For whoever only looks: creates no folder. */
export function lockPathAsItIs(config: ControllerConfig, name: OwnLock): string {
  return join(paths(config).locks, `.${name}`);
}
