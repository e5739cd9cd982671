/** The names of a release's builds. `.ci/release/targets.ts` builds them, and install.sh composes the same names. */

export interface HostPlatform {
  /** As the runtime names them: `linux`, `x64`. */
  readonly os: string;
  readonly cpu: string;
  /** The C library is musl. */
  readonly musl: boolean;
  /** The processor has AVX2, if it is an x64 one. */
  readonly avx2: boolean;
}

/** `ctrl-exec-linux-x64-baseline` and the like. */
export function buildName({ os, cpu, musl, avx2 }: HostPlatform): string {
  const name = `ctrl-exec-${os}-${cpu}${musl ? "-musl" : ""}`;
  return name === "ctrl-exec-linux-x64" && !avx2 ? `${name}-baseline` : name;
}

export function isBuildName(text: string): boolean {
  return /^ctrl-exec-[a-z0-9-]{1,64}$/.test(text);
}

/** A build's file in a release. */
export function buildFile(build: string): string {
  return `${build}.gz`;
}
