import { writeFileSync } from "node:fs";
import { generateKeyPem } from "../../src/pki/keys.ts";

/** Puts another private key, a sound one, into a key's file. */
export async function writeOtherKey(path: string): Promise<void> {
  writeFileSync(path, await generateKeyPem("ec"), { mode: 0o600 });
}
