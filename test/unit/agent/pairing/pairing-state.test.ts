import { expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { isForOthers, pairingState } from "../../../../src/agent/pairing/pairing-state.ts";
import { parseAgentConfig } from "../../../../src/core/config/agent-config.ts";
import { CtrlExecError } from "../../../../src/core/errors.ts";
import { fileError } from "../../../../src/system/files/files.ts";
import { Authority } from "../../../support/authority.ts";
import { TestFolder } from "../../../support/folder.ts";

const asRoot = process.getuid?.() === 0;

async function configIn(folder: TestFolder) {
  return (await parseAgentConfig(folder.join("agent.conf"), "")).config;
}

test("an agent is paired once it has a certificate, and one that is not valid is an error", async () => {
  using folder = new TestFolder();
  const config = await configIn(folder);
  expect(pairingState(config)).toEqual({ paired: false });
  const { cert } = await (await Authority.create()).issue("web-01");
  folder.write("agent.crt", cert);
  expect(pairingState(config)).toMatchObject({
    paired: true,
    certificate: { commonName: "web-01" },
  });
  folder.write("agent.crt", "none");
  expect(() => pairingState(config)).toThrow(CtrlExecError);
});

if (asRoot)
  test("who may not read the certificate may see that there is one, or not even that", async () => {
    using folder = new TestFolder();
    folder.write("held/agent.crt", "", 0o600);
    const source = join(import.meta.dir, "../../../../src");
    const code = `const { parseAgentConfig } = await import("${source}/core/config/agent-config.ts");
    const { pairingState } = await import("${source}/agent/pairing/pairing-state.ts");
    process.setgroups([]); process.setgid(65534); process.setuid(65534);
    const { config } = await parseAgentConfig(${JSON.stringify(folder.join("held/agent.conf"))}, "");
    const { paired, unread } = pairingState(config);
    console.log(paired, unread.message);`;
    const seen = (mode: number) => {
      chmodSync(folder.join("held"), mode);
      return Bun.spawnSync([process.execPath, "-e", code]).stdout.toString();
    };
    const problem = `Cannot read ${folder.join("held/agent.crt")}: permission denied\n`;
    expect(seen(0o755)).toBe(`true ${problem}`);
    expect(seen(0o700)).toBe(`undefined ${problem}`);
  });

test("what is for others to read is told from other failures", () => {
  const failure = (code: string) => Object.assign(new Error(), { code });
  const error = (code: string) => fileError("config", "read", "/f", failure(code));
  expect(
    [error("EACCES"), error("EPERM"), error("ENOENT"), failure("EACCES")].map(isForOthers),
  ).toEqual([true, true, false, false]);
});
