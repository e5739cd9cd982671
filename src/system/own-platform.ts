/** Which of a release's builds runs on this host, found out as install.sh does. */
import { readFileSync } from "node:fs";
import type { HostPlatform } from "../core/release/platform.ts";

export function ownPlatform(): HostPlatform {
  return {
    os: process.platform,
    cpu: process.arch,
    // The loader that has loaded this very program.
    musl: /\/ld-musl-[^/]*$/m.test(textOf("/proc/self/maps")),
    avx2: hasAvx2(textOf("/proc/cpuinfo")),
  };
}

/** @param cpuinfo empty if there is none, as on macOS, where there is one build per processor */
export function hasAvx2(cpuinfo: string): boolean {
  return cpuinfo === "" || /\bavx2\b/.test(cpuinfo);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
