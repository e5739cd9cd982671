/**
 * What says that a release's files are the release's: VERSION, SHA256SUMS, and with a key its signature. Hosts check
 * them before an upgrade (src/pki/release.ts), and so can anybody with ssh-keygen.
 */
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RELEASE_PURPOSE } from "../../src/core/release/ssh-signature.ts";

/**
 * @param files names in the folder
 * @param key the private key's file, or a public key's whose private half an agent has; without one nothing is signed
 * @returns the names of what was written
 */
export function writePapers(
  folder: string,
  files: readonly string[],
  version: string,
  key: string | undefined,
): string[] {
  writeFileSync(join(folder, "VERSION"), `${version}\n`);
  const sums = [...files, "VERSION"].sort().map((name) => {
    const sum = createHash("sha256")
      .update(readFileSync(join(folder, name)))
      .digest("hex");
    return `${sum}  ${name}\n`;
  });
  writeFileSync(join(folder, "SHA256SUMS"), sums.join(""));
  rmSync(join(folder, "SHA256SUMS.sig"), { force: true });
  if (key === undefined || key === "") return ["VERSION", "SHA256SUMS"];
  sign(join(folder, "SHA256SUMS"), key);
  return ["VERSION", "SHA256SUMS", "SHA256SUMS.sig"];
}

/** ssh-keygen asks for the key's passphrase, or an agent for its signature. */
function sign(file: string, key: string): void {
  const { exitCode } = Bun.spawnSync(
    ["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", RELEASE_PURPOSE, file],
    { stdin: "inherit", stdout: "inherit", stderr: "inherit" },
  );
  if (exitCode !== 0) throw new Error(`Cannot sign ${file}: ssh-keygen ended with ${exitCode}`);
}
