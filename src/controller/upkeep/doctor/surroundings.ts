/** What `doctor` sees of this host besides its files. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { ControllerConfig } from "../../../core/config/controller-config.ts";
import { DEFAULT_CONTROLLER_CONFIG } from "../../../core/config/controller-config.ts";
import { type Listener, listeners } from "../../../system/net/listeners.ts";

/** The folder below which the init system and the kernel are asked. */
export interface Surroundings {
  /** `/` except in tests. */
  readonly root: string;
  /** Undefined if the kernel does not tell. */
  readonly listening: readonly Listener[] | undefined;
}

export function surroundings(): Surroundings {
  return { root: "/", listening: listeners() };
}

/** The units and cron jobs that the installer sets up take no other configuration. */
export function isUsual({ file }: ControllerConfig): boolean {
  return file === DEFAULT_CONTROLLER_CONFIG;
}

const API_AT_BOOT = [
  "etc/systemd/system/multi-user.target.wants/ctrl-exec-api.service",
  "etc/runlevels/default/ctrl-exec-api",
] as const;

/** Whether the init system starts the API. */
export function startsApi({ root }: Surroundings): boolean {
  if (API_AT_BOOT.some((path) => existsSync(join(root, path)))) return true;
  try {
    const names = readdirSync(join(root, "etc/rc.d"));
    return names.some((name) => /^S\d+ctrl-exec-api$/.test(name));
  } catch {
    return false;
  }
}

const MAINTAINERS = [
  ["ctrl-exec-maintain.timer", "etc/systemd/system/timers.target.wants/ctrl-exec-maintain.timer"],
  ["cron", "etc/cron.hourly/ctrl-exec-maintain"],
  ["cron", "etc/periodic/hourly/ctrl-exec-maintain"],
] as const;

/** The timers that call maintain. */
export function maintainers({ root }: Surroundings): readonly string[] {
  const found = MAINTAINERS.filter(([, path]) => existsSync(join(root, path)));
  return [...new Set(found.map(([who]) => who))];
}
