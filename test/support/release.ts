/** Releases that a test makes and signs, with the real ssh-keygen. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { writePapers } from "../../.ci/release/papers.ts";
import type { ReleasePapers } from "../../src/pki/release.ts";
import type { TestFolder } from "./folder.ts";

export interface ReleaseKey {
  readonly file: string;
  /** The public key's line. */
  readonly line: string;
}

/** @param options of ssh-keygen, such as another type */
export function makeReleaseKey(
  folder: TestFolder,
  name = "release-key",
  ...options: string[]
): ReleaseKey {
  const file = folder.join(name);
  sshKeygen("-q", "-t", "ed25519", ...options, "-N", "", "-C", "releases", "-f", file);
  return { file, line: readFileSync(`${file}.pub`, "utf8").trim() };
}

export function sshKeygen(...args: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["ssh-keygen", ...args], { stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`ssh-keygen ${args.join(" ")}: ${stderr.toString()}`);
}

/** @param builds the binary of each build, by the build's name */
export function makeRelease(
  folder: TestFolder,
  name: string,
  version: string,
  builds: Readonly<Record<string, string | Uint8Array>>,
  key?: ReleaseKey,
): string {
  folder.write(`${name}/install.sh`, "#!/bin/sh\n");
  const files = Object.entries(builds).map(([build, binary]) => {
    writeFileSync(folder.join(name, `${build}.gz`), gzipSync(binary, { level: 1 }));
    return `${build}.gz`;
  });
  writePapers(folder.join(name), [...files, "install.sh"], version, key?.file);
  return folder.join(name);
}

export function readPapers(release: string): ReleasePapers {
  const read = (name: string) => readFileSync(join(release, name), "utf8");
  return {
    sums: read("SHA256SUMS"),
    signature: read("SHA256SUMS.sig"),
    version: read("VERSION").trim(),
  };
}
