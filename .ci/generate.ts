/**
 * Writes every file that is made from the command tables, the schemas and the catalogue of events: example
 * configurations, completions, man pages, the key tables of docs/CONFIGURATION.md and the event tables of
 * docs/LOGGING.md and the tables of docs/METRICS.md. A test holds that the files in the checkout are what this writes.
 *
 *   bun .ci/generate.ts      (make generate)
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ProgramModel, programModels } from "./generate/command-model.ts";
import { bashCompletion, fishCompletion, zshCompletion } from "./generate/completions.ts";
import { keyTables, optionTable, replaceSection } from "./generate/configuration-doc.ts";
import { exampleConf } from "./generate/example-conf.ts";
import { agentKeys, controllerKeys, type KeyRow } from "./generate/keys.ts";
import { eventTables } from "./generate/logging-doc.ts";
import { allowlistPage, keysPage, type PageText, programPage } from "./generate/man.ts";
import {
  AGENT_CONF_PAGE,
  AGENT_PAGE,
  API_PAGE,
  CONTROLLER_CONF_PAGE,
  CONTROLLER_PAGE,
  SCRIPTS_CONF_PAGE,
} from "./generate/man-texts.ts";
import { metricTables } from "./generate/metrics-doc.ts";
import { fillTests, threatTests } from "./generate/threat-tests.ts";

const ROOT = join(import.meta.dir, "..");

/** Path below the checkout, and what should be in it. */
export async function generatedFiles(): Promise<Map<string, string>> {
  const controller = await controllerKeys();
  const agent = await agentKeys();
  const programs = await programModels();
  const doc = "docs/CONFIGURATION.md";
  const configuration = replaceSection(
    replaceSection(readFileSync(join(ROOT, doc), "utf8"), "ctrl-exec.conf", keyTables(controller)),
    "agent.conf",
    keyTables(agent),
  );
  return new Map([
    ["src/assets/ctrl-exec.conf", exampleConf("ctrl-exec.conf: the control host", controller)],
    ["src/assets/agent.conf", exampleConf("agent.conf: the agent of a managed host", agent)],
    [doc, replaceSection(configuration, "scripts.conf", optionTable())],
    ["docs/LOGGING.md", filled("docs/LOGGING.md", eventTables())],
    ["docs/METRICS.md", filled("docs/METRICS.md", metricTables())],
    ["completions/ctrl-exec.bash", bashCompletion(programs)],
    ["completions/_ctrl-exec", zshCompletion(programs)],
    ["completions/ctrl-exec.fish", fishCompletion(programs)],
    ...manPages(programs, controller, agent),
  ]);
}

function filled(document: string, tables: readonly [name: string, table: string][]): string {
  let text = readFileSync(join(ROOT, document), "utf8");
  for (const [name, table] of tables) text = replaceSection(text, name, table);
  return text;
}

/** @throws Error when a program has no page */
function manPages(
  programs: readonly ProgramModel[],
  controller: readonly KeyRow[],
  agent: readonly KeyRow[],
): [string, string][] {
  const path = ({ name, section }: PageText) => `src/assets/${name}.${section}`;
  const pages = {
    "ctrl-exec": CONTROLLER_PAGE,
    "ctrl-exec-agent": AGENT_PAGE,
    "ctrl-exec-api": API_PAGE,
  };
  return [
    ...Object.entries(pages).map(([name, page]): [string, string] => {
      const model = programs.find(({ program }) => program.name === name);
      if (model === undefined) throw new Error(`no program ${name}`);
      return [path(page), programPage(page, model)];
    }),
    [path(CONTROLLER_CONF_PAGE), keysPage(CONTROLLER_CONF_PAGE, controller)],
    [path(AGENT_CONF_PAGE), keysPage(AGENT_CONF_PAGE, agent)],
    [path(SCRIPTS_CONF_PAGE), allowlistPage(SCRIPTS_CONF_PAGE)],
  ];
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
