/** The platforms of a release. install.sh composes the same names from what it finds on a host. */
export interface Target {
  readonly name: string;
  /** Bun's name for it. */
  readonly bun: string;
  readonly format: "elf" | "mach-o";
  readonly cpu: "x64" | "arm64";
  /** The dynamic loader that the binary asks for. */
  readonly loader?: string;
  /** Shared libraries it needs; nothing else may creep in. */
  readonly needed?: readonly string[];
}

const GLIBC = ["libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0"];

/** Bun's musl build takes the C++ library from the host; install.sh looks for it. */
const musl = (machine: string) => [`libc.musl-${machine}.so.1`, "libstdc++.so.6"];

const linux = (
  cpu: "x64" | "arm64",
  suffix: string,
  loader: string,
  needed: readonly string[],
) => ({
  name: `ctrl-exec-linux-${cpu}${suffix}`,
  bun: `bun-linux-${cpu}${suffix}`,
  format: "elf" as const,
  cpu,
  loader,
  needed,
});

const darwin = (cpu: "x64" | "arm64") => ({
  name: `ctrl-exec-darwin-${cpu}`,
  bun: `bun-darwin-${cpu}`,
  format: "mach-o" as const,
  cpu,
});

export const TARGETS: readonly Target[] = [
  linux("x64", "", "/lib64/ld-linux-x86-64.so.2", [...GLIBC, "ld-linux-x86-64.so.2"]),
  linux("x64", "-baseline", "/lib64/ld-linux-x86-64.so.2", [...GLIBC, "ld-linux-x86-64.so.2"]),
  linux("x64", "-musl", "/lib/ld-musl-x86_64.so.1", musl("x86_64")),
  linux("arm64", "", "/lib/ld-linux-aarch64.so.1", [...GLIBC, "ld-linux-aarch64.so.1"]),
  linux("arm64", "-musl", "/lib/ld-musl-aarch64.so.1", musl("aarch64")),
  darwin("arm64"),
  darwin("x64"),
];
