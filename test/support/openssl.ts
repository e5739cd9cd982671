/** The openssl command line: the independent judge of what pki makes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestFolder } from "./folder.ts";

/** Runs `openssl` in the folder and returns what it printed; throws with its own words when it fails. */
export function openssl(folder: TestFolder, ...args: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["openssl", ...args], {
    cwd: folder.path,
    env: { PATH: process.env.PATH ?? "" },
  });
  if (exitCode !== 0) throw new Error(`openssl ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout.toString();
}

/** Kinds of keys, as `openssl genpkey` names them. */
export const KEY_KINDS = {
  "P-256": ["EC", "ec_paramgen_curve:P-256"],
  "P-384": ["EC", "ec_paramgen_curve:P-384"],
  "P-521": ["EC", "ec_paramgen_curve:P-521"],
  secp256k1: ["EC", "ec_paramgen_curve:secp256k1"],
  Ed25519: ["ED25519"],
  Ed448: ["ED448"],
  "RSA 1024": ["RSA", "rsa_keygen_bits:1024"],
  "RSA 2048": ["RSA", "rsa_keygen_bits:2048"],
  "RSA 4096": ["RSA", "rsa_keygen_bits:4096"],
  "RSA-PSS 2048": ["RSA-PSS", "rsa_keygen_bits:2048"],
} as const;

/** A key that `openssl genpkey` has made and that protects nothing: RSA-4096 takes it seconds. */
export function rsa4096Key(whose: "ca" | "host"): string {
  return readFileSync(join(import.meta.dir, "keys", `rsa-4096-${whose}.key`), "utf8");
}

/** Makes a private key and returns its file's name in the folder. */
export function makeKey(folder: TestFolder, kind: keyof typeof KEY_KINDS): string {
  const name = `${kind.replaceAll(" ", "-")}.key`;
  if (kind === "RSA 4096") {
    folder.write(name, rsa4096Key("ca"), 0o600);
    return name;
  }
  const [algorithm, option] = KEY_KINDS[kind];
  const options = option === undefined ? [] : ["-pkeyopt", option];
  openssl(folder, "genpkey", "-algorithm", algorithm, ...options, "-out", name);
  return name;
}
