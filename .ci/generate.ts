/**
 * Writes every file that is made from the command tables and the configuration schemas: example
 * configurations, completions, man pages and the key tables of docs/CONFIGURATION.md. A test holds
 * that the files in the checkout are what this writes.
 *
 *   bun .ci/generate.ts      (make generate)
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { keyTables, replaceSection } from "./generate/configuration-doc.ts";
import { exampleConf } from "./generate/example-conf.ts";
import { agentKeys, controllerKeys } from "./generate/keys.ts";
import { fillTests, threatTests } from "./generate/threat-tests.ts";

const ROOT = join(import.meta.dir, "..");

/** Path below the checkout, and what should be in it. */
export async function generatedFiles(): Promise<Map<string, string>> {
  const controller = await controllerKeys();
  const agent = await agentKeys();
  const doc = "docs/CONFIGURATION.md";
  const configuration = replaceSection(
    replaceSection(readFileSync(join(ROOT, doc), "utf8"), "ctrl-exec.conf", keyTables(controller)),
    "agent.conf",
    keyTables(agent),
  );
  return new Map([
    ["src/assets/ctrl-exec.conf", exampleConf("ctrl-exec.conf: the control host", controller)],
    ["src/assets/agent.conf", exampleConf("agent.conf: the agent of a managed host", agent)],
    [doc, configuration],
  ]);
}

if (import.meta.main) {
  for (const [path, content] of await generatedFiles()) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), content);
    console.log(path);
  }
  // Its last column is a convenience for readers; a test holds what must be true of it.
  const security = join(ROOT, "docs/SECURITY.md");
  writeFileSync(security, fillTests(readFileSync(security, "utf8"), await threatTests(ROOT)));
}
