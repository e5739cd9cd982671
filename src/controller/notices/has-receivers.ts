/** Whether there are any receivers: what a run may ask when it ends, without loading the code that sends notices. */
import { dirname, join } from "node:path";
import { tomlFiles } from "../../core/config/config-folder.ts";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { listFolder } from "../../system/files/files.ts";

export function hasReceivers(config: ControllerConfig): boolean {
  try {
    return receiverFiles(config).length > 0;
  } catch {
    // The code that reads them says why they cannot be read.
    return true;
  }
}

/** Names in the folder; none when there is no such folder. @throws CtrlExecError `config` */
export function receiverFiles(config: ControllerConfig): string[] {
  return tomlFiles(listFolder(noticeFolder(config)));
}

export function noticeFolder({ file }: ControllerConfig): string {
  return join(dirname(file), "notify.d");
}
