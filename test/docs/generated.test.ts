import { describe, expect, test } from "bun:test";
import { agentKeys, controllerKeys } from "../../.ci/generate/keys.ts";
import { generatedFiles } from "../../.ci/generate.ts";
import { jobsFolderOf } from "../../src/agent/jobs/jobs-folder.ts";
import { parseAllowlist } from "../../src/agent/scripts/allowlist.ts";
import { SCRIPT_OPTIONS } from "../../src/agent/scripts/script-options.ts";
import { inboxOf } from "../../src/agent/upgrade/places.ts";
import { parseAgentConfig } from "../../src/core/config/agent-config.ts";
import { parseControllerConfig } from "../../src/core/config/controller-config.ts";
import { readDocument } from "../support/documents.ts";

describe("generated files are what `make generate` writes", async () => {
  test.each([...(await generatedFiles())])("%s", (path, content) => {
    expect(readDocument(path)).toBe(content);
  });
});

/** The file with every key set: the comment signs in front of settings taken away. */
function opened(text: string): string {
  return text.replace(/^#(?=\[|\S+ = )/gm, "");
}

describe("the example files", () => {
  test("ctrl-exec.conf as it is means every default", async () => {
    const example = await parseControllerConfig(
      "/etc/x.conf",
      readDocument("src/assets/ctrl-exec.conf"),
    );
    expect(example).toEqual(await parseControllerConfig("/etc/x.conf", ""));
  });

  test("ctrl-exec.conf with every key set is taken, and changes only what has no default", async () => {
    const text = opened(readDocument("src/assets/ctrl-exec.conf"));
    const { config, warnings } = await parseControllerConfig("/etc/ctrl-exec/ctrl-exec.conf", text);
    expect(warnings).toEqual([]);
    const bare = await parseControllerConfig("/etc/ctrl-exec/ctrl-exec.conf", "");
    expect(config).toMatchObject(JSON.parse(JSON.stringify(bare.config)));
    for (const { name } of await controllerKeys()) expect(text).toContain(`\n${name} = `);
  });

  test("agent.conf as it is means every default", async () => {
    const example = await parseAgentConfig("/etc/x.conf", readDocument("src/assets/agent.conf"));
    expect(example).toEqual(await parseAgentConfig("/etc/x.conf", ""));
  });

  test("agent.conf with every key set is taken, and changes only what has no default", async () => {
    const text = opened(readDocument("src/assets/agent.conf"));
    const file = "/etc/ctrl-exec-agent/agent.conf";
    const { config, warnings } = await parseAgentConfig(file, text);
    expect(warnings).toEqual([]);
    const { tags, namesRevocationFile, ...bare } = (await parseAgentConfig(file, "")).config;
    expect({ tags, namesRevocationFile }).toEqual({ tags: {}, namesRevocationFile: false });
    expect(config).toMatchObject(JSON.parse(JSON.stringify(bare)));
    for (const { name, section } of await agentKeys()) {
      expect(text).toContain(section ? `\n[${name}]` : `\n${name} = `);
    }
  });

  test("scripts.conf, its manual page and CONFIGURATION.md have every option of a script", () => {
    const files = ["src/assets/scripts.conf", "src/assets/scripts.conf.5", "docs/CONFIGURATION.md"];
    for (const file of files) {
      const text = readDocument(file);
      for (const [name, { example }] of Object.entries(SCRIPT_OPTIONS)) {
        expect(text, file).toContain(`${name}=${example}`);
      }
    }
  });

  test("the pages of the agent and of agent.conf name the folders of its state", () => {
    const state = "/var/lib/ctrl-exec-agent";
    const cert = `${state}/agent.crt`;
    for (const page of ["ctrl-exec-agent.8", "agent.conf.5"]) {
      const text = readDocument(`src/assets/${page}`);
      const [, files = ""] = text.split("\n.Sh FILES\n");
      for (const folder of [state, jobsFolderOf({ cert }), inboxOf({ cert })]) {
        expect(files, page).toContain(`.It Pa ${folder}\n`);
      }
    }
  });

  test("scripts.conf lists what rotation needs, and the demonstrator once opened", async () => {
    const text = readDocument("src/assets/scripts.conf");
    expect([...(await parseAllowlist("/s.conf", text)).scripts.keys()]).toEqual([
      "update-ctrl-exec-serial",
    ]);
    const { scripts, warnings } = await parseAllowlist("/s.conf", opened(text));
    expect(warnings).toEqual([]);
    expect([...scripts.keys()]).toEqual(["update-ctrl-exec-serial", "ctrl-exec-demonstrator"]);
  });
});
