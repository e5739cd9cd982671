import { expect, test } from "bun:test";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { beginJoin, forgetJoin } from "../../../../src/agent/pairing/join-key-file.ts";
import { parseAgentConfig } from "../../../../src/core/config/agent-config.ts";
import { TestFolder } from "../../../support/folder.ts";

const TOKEN = "0123456789abcdef";

test("T10 T31 a join that is tried again has the key and the nonce that it had", async () => {
  using folder = new TestFolder();
  const { config } = await parseAgentConfig(folder.join("agent.conf"), "");
  let made = 0;
  const begin = (token: string, hostname: string) =>
    beginJoin(config, token, hostname, async () => `key ${++made}`);
  const first = await begin(TOKEN, "web-01");
  expect(first).toMatchObject({ key: "key 1", nonce: expect.stringMatching(/^[0-9a-f]{32}$/) });
  expect(statSync(`${config.key}.join`).mode & 0o777).toBe(0o600);
  expect(await begin(TOKEN, "web-01")).toMatchObject({ key: "key 1", nonce: first.nonce });
  expect((await begin(TOKEN, "web-02")).key).toBe("key 2");
  expect((await begin("f".repeat(16), "web-02")).key).toBe("key 3");
  writeFileSync(`${config.key}.join`, "{");
  expect((await begin("f".repeat(16), "web-02")).key).toBe("key 4");
  forgetJoin(config);
  expect(existsSync(`${config.key}.join`)).toBe(false);
  expect((await begin("f".repeat(16), "web-02")).key).toBe("key 5");
});
