/**
 * Releases for the machines of `make test-install`, signed with a key of their own, and for each an inbox as the agent
 * leaves it. The program of one has another version, and works; the others are scripts.
 *
 *   bun test/install/releases.ts <folder>
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UpgradeInbox } from "../../src/agent/upgrade/inbox.ts";
import { buildName } from "../../src/core/release/platform.ts";
import { ownPlatform } from "../../src/system/own-platform.ts";
import { TestFolder } from "../support/folder.ts";
import { makeRelease, makeReleaseKey, readPapers } from "../support/release.ts";
import { OTHER_VERSION, otherVersion } from "../support/upgrade-stage.ts";

const [out = ""] = process.argv.slice(2);
const BUILD = buildName(ownPlatform());
const only = (says: string, serve: string) =>
  `#!/bin/sh\ncase $1 in --version) ${says} ;; *) ${serve} ;; esac\n`;

const RELEASES = {
  works: { version: OTHER_VERSION, program: otherVersion() },
  silent: { version: "1.8.0", program: only("echo ctrl-exec 1.8.0", "exec sleep 600") },
  fails: { version: "1.8.1", program: only("echo ctrl-exec 1.8.1", "exit 1") },
  broken: { version: "1.8.2", program: only("exit 1", "exit 1") },
  older: { version: "1.0.5", program: only("echo ctrl-exec 1.0.5", "exit 1") },
} as const;

using folder = new TestFolder();
const key = makeReleaseKey(folder);
const stranger = makeReleaseKey(folder, "stranger");
mkdirSync(out, { recursive: true });
writeFileSync(join(out, "release-key"), `${key.line}\n`);
let count = 0;
for (const [name, { version, program }] of Object.entries(RELEASES))
  await lay(name, version, program, key);
await lay("foreign", "1.8.3", RELEASES.silent.program, stranger);

async function lay(name: string, version: string, program: string | Uint8Array, by: typeof key) {
  const release = makeRelease(folder, name, version, { [BUILD]: program }, by);
  cpSync(release, join(out, `release-${name}`), { recursive: true });
  const bytes = readFileSync(join(release, `${BUILD}.gz`));
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  count += 1;
  const reqid = count.toString(16).padStart(16, "0");
  const inbox = new UpgradeInbox(join(out, name));
  const papers = {
    ...readPapers(release),
    size: bytes.length,
    sha256,
    downgrade: name === "older",
  };
  inbox.begin({ reqid, ...papers }, new Date());
  inbox.take(reqid, 0, bytes);
  await inbox.handOver(reqid);
}
