import { afterEach, expect, test } from "bun:test";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { joinTokenFrom } from "../../../../src/cli/agent/join-token-file.ts";
import type { Io } from "../../../../src/cli/command/io.ts";
import { formatJoinToken } from "../../../../src/core/join-token.ts";
import { TestFolder } from "../../../support/folder.ts";

const TOKEN = formatJoinToken({
  caFingerprint: `sha256:${"a".repeat(64)}`,
  id: "0123456789abcdef",
  seed: new Uint8Array(32),
});
const IO = { inIsTerminal: true } as Io;

const { SUDO_UID } = process.env;
afterEach(() => {
  if (SUDO_UID === undefined) delete process.env.SUDO_UID;
  else process.env.SUDO_UID = SUDO_UID;
});

test("--consume removes the file that was read", async () => {
  using folder = new TestFolder();
  const file = folder.write("token", `${TOKEN}\n`, 0o600);
  const { consume } = await joinTokenFrom(file, true, IO);
  expect(existsSync(file)).toBe(true);
  expect([consume(), existsSync(file)]).toEqual([true, false]);
  expect(consume()).toBe(true);
});

test("T32 one that every user of the host may open is refused, and stays", async () => {
  using folder = new TestFolder();
  const file = folder.write("token", `${TOKEN}\n`, 0o644);
  for (const consume of [false, true]) {
    await expect(joinTokenFrom(file, consume, IO)).rejects.toMatchObject({
      code: "usage",
      message: `Cannot take a join token from ${file}: every user of this host may open it (mode 0644)`,
      hint: `Make it private: chmod 600 ${file}`,
    });
  }
  expect(existsSync(file)).toBe(true);
});

test("T62 what has taken its place meanwhile stays", async () => {
  using folder = new TestFolder();
  const file = folder.write("token", `${TOKEN}\n`, 0o600);
  const { consume } = await joinTokenFrom(file, true, IO);
  renameSync(file, folder.join("before"));
  folder.write("token", "another's");
  expect(consume()).toBe(false);
  expect(readFileSync(file, "utf8")).toBe("another's");
});

test("T62 with lent rights nothing is removed, and the token is not read", async () => {
  using folder = new TestFolder();
  const file = folder.write("token", "no token", 0o600);
  process.env.SUDO_UID = "12345";
  if (process.getuid?.() !== 0) return expect(existsSync(file)).toBe(true);
  const refused = joinTokenFrom(file, true, IO);
  await expect(refused).rejects.toThrow("--consume does not work under sudo and the like");
  expect(existsSync(file)).toBe(true);
});

test("T32 a token in the place of the path is not shown", async () => {
  const refused = joinTokenFrom(TOKEN, false, IO);
  await expect(refused).rejects.toThrow(
    "--token-file takes the path of a file, not the token itself",
  );
  await expect(refused).rejects.not.toThrow(TOKEN.slice(5));
});
