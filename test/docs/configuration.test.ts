/** Every configuration that a document shows is one that the programs take, without a warning. */
import { describe, expect, test } from "bun:test";
import { parseAllowlist } from "../../src/agent/scripts/allowlist.ts";
import { readGroupFile } from "../../src/controller/groups/group-file.ts";
import { readReceiverFile } from "../../src/controller/notices/receiver-file.ts";
import { readJoinRule } from "../../src/controller/pairing/join-rule-file.ts";
import { parseAgentConfig } from "../../src/core/config/agent-config.ts";
import { parseControllerConfig } from "../../src/core/config/controller-config.ts";
import { allBlocks } from "../support/documents.ts";

type Check = (text: string) => Promise<readonly { key: string; message: string }[]>;

const CHECKS: Readonly<Record<string, Check>> = {
  "ini ctrl-exec.conf": async (text) => (await parseControllerConfig("/c.conf", text)).warnings,
  "ini agent.conf": async (text) => (await parseAgentConfig("/a.conf", text)).warnings,
  "toml ctrl-exec.toml": async (text) => (await parseControllerConfig("/c.toml", text)).warnings,
  "toml agent.toml": async (text) => (await parseAgentConfig("/a.toml", text)).warnings,
  "ini scripts.conf": async (text) => (await parseAllowlist("/s.conf", text)).warnings,
  "toml groups.toml": async (text) => {
    await readGroupFile("/g.toml", text);
    return [];
  },
  "toml join-rule.toml": async (text) => {
    await readJoinRule("rule", "/r.toml", text);
    return [];
  },
  "toml receiver.toml": async (text) => {
    await readReceiverFile("receiver", "/r.toml", text);
    return [];
  },
  "toml scripts.toml": async (text) => (await parseAllowlist("/s.toml", text)).warnings,
  json: readJson,
  "json notices.json": readJson,
};

async function readJson(text: string): Promise<[]> {
  for (const line of jsonTexts(text)) JSON.parse(line);
  return [];
}

/** One object over several lines, or an object a line. */
function jsonTexts(text: string): string[] {
  const lines = text.trim().split("\n");
  return lines.length > 1 && lines.every((line) => /^\{.*\}$/.test(line)) ? lines : [text];
}

/** Blocks that are neither commands nor configuration. `console`, `dockerfile` and `yaml` are held by test/end-to-end. */
const OTHER = [
  "sh",
  "console",
  "dockerfile",
  "yaml",
  "text",
  "mermaid",
  "http",
  "nft",
  "nginx",
  "sudoers",
  "log",
];

const blocks = allBlocks();

describe("the configurations of the documents", () => {
  const checked = blocks.filter(({ info }) => !OTHER.includes(info));
  test.each(checked.map((block) => [block.place, block] as const))("%s", async (_, block) => {
    const check = CHECKS[block.info];
    expect(check, `a block of "${block.info}" has a check`).toBeDefined();
    expect(await check?.(block.text)).toEqual([]);
  });
});

test("a setting that nobody takes is seen", async () => {
  expect(await CHECKS["ini agent.conf"]?.("frobnicate = 7443\n")).toHaveLength(1);
  expect(CHECKS["ini agent.conf"]?.("port = x\n")).rejects.toThrow("port");
  expect(await CHECKS["ini scripts.conf"]?.("a b = /x\n")).toHaveLength(1);
});
