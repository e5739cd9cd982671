/** Whether there is enough space where this host keeps its state. */
import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { ControllerConfig } from "../../../core/config/controller-config.ts";
import { formatBytes } from "../../../core/units.ts";
import { fileProblem, isDenied } from "../../../system/files/files.ts";
import { type Finding, passed } from "./finding.ts";

/** As reported by statfs(2), in bytes and files. */
export interface Room {
  readonly free: number;
  readonly total: number;
  readonly freeFiles: number;
  /** 0 if the file system does not count them. */
  readonly totalFiles: number;
}

/** Enough for some runs with their outputs, and for a rotation. */
const ENOUGH_BYTES = 256 * 2 ** 20;
const ENOUGH_FILES = 10_000;
/** On a small disk this much is enough. */
const ENOUGH_SHARE = 0.05;

export function diskFindings({ state_dir }: ControllerConfig): Finding[] {
  let folder = state_dir;
  while (!existsSync(folder) && folder !== "/") folder = dirname(folder);
  const { bsize, bavail, blocks, ffree, files } = statfsSync(folder);
  const room = { free: bavail * bsize, total: blocks * bsize, freeFiles: ffree, totalFiles: files };
  return [...readOnlyFindings(state_dir), judgeRoom(state_dir, room)];
}

export function judgeRoom(state_dir: string, room: Room): Finding {
  const name = "disk";
  const { free, total, freeFiles, totalFiles } = room;
  const remedy = `make room on the disk of ${state_dir}, or lower run_records_max or run_retention`;
  if (free < Math.min(ENOUGH_BYTES, total * ENOUGH_SHARE)) {
    const detail = `${formatBytes(free)} of ${formatBytes(total)} are free for ${state_dir}`;
    return { name, ok: false, detail, remedy };
  }
  if (freeFiles < Math.min(ENOUGH_FILES, totalFiles * ENOUGH_SHARE)) {
    const detail = `room for ${freeFiles} more files (inodes) is left for ${state_dir}`;
    return { name, ok: false, detail, remedy };
  }
  return passed(name, `${formatBytes(free)} are free for ${state_dir}`);
}

function readOnlyFindings(state_dir: string): Finding[] {
  try {
    accessSync(state_dir, constants.W_OK);
    return [];
  } catch (thrown) {
    // It is created when it is needed; what this user may not do is reported once.
    if (isDenied(thrown) || !existsSync(state_dir)) return [];
    const detail = `cannot be written: ${fileProblem(thrown)}`;
    const remedy = "mount it writable, or set state_dir";
    return [{ name: state_dir, ok: false, detail, remedy, misconfigured: true }];
  }
}
