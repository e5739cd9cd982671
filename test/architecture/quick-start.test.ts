/**
 * What `run` and `ping` load before they begin: Node's sockets would cost them 6 ms, an X.509 library 20, and
 * SQLite is for lists alone. The schemas of messages that they do not read would be a tenth of their start.
 * Only static imports count.
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");

const SLOW =
  /^(node:)?(net|tls|http|https|http2|stream|dns|dgram|child_process|readline)(\/|$)|^bun:sqlite$|^@peculiar\//;

const transpiler = new Bun.Transpiler({ loader: "ts", target: "bun" });

/** Every module that loading the file loads, with the file that asks for it. */
function loadedBy(file: string, seen = new Map<string, string>()): Map<string, string> {
  for (const { kind, path } of transpiler.scanImports(readFileSync(join(ROOT, file), "utf8"))) {
    if (kind === "dynamic-import") continue;
    const inside = path.startsWith(".");
    const name = inside ? posix.join(posix.dirname(file), path) : path;
    if (seen.has(name)) continue;
    seen.set(name, file);
    if (inside && name.endsWith(".ts")) loadedBy(name, seen);
  }
  return seen;
}

function slowModulesOf(file: string): string[] {
  return [...loadedBy(file)]
    .filter(([name]) => SLOW.test(name))
    .map(([name, file]) => `${file} imports ${name}`);
}

test.each([
  "src/main.ts",
  "src/cli/controller/program.ts",
  "src/cli/controller/run.ts",
  "src/cli/controller/ping.ts",
])("%s loads none of what starts slowly", (file) => {
  expect(slowModulesOf(file)).toEqual([]);
});

test.each([
  "src/cli/agent/serve.ts",
  "src/cli/agent/request-pairing.ts",
  "src/cli/api/serve.ts",
  "src/cli/controller/list-agents.ts",
  "src/cli/controller/maintain.ts",
])("%s loads no X.509 library before there is something to sign", (file) => {
  expect(slowModulesOf(file).filter((line) => line.includes("@peculiar/"))).toEqual([]);
});

test.each([
  "src/cli/api/serve.ts",
  "src/cli/controller/maintain.ts",
  "src/controller/store/file-store.ts",
])("%s loads no SQLite before there is something to list", (file) => {
  expect(slowModulesOf(file).filter((line) => line.includes("bun:sqlite"))).toEqual([]);
});

test.each([
  ["src/cli/controller/ping.ts", ["claimed-tags", "ping-reply", "refusal", "renew", "texts"]],
  ["src/cli/controller/run.ts", ["refusal", "run-frames", "run-reply", "texts"]],
  [
    "src/cli/agent/serve.ts",
    [
      "cancel-request",
      "follow-request",
      "refusal",
      "renew",
      "run-request",
      "texts",
      "upgrade-request",
      "withdraw-request",
    ],
  ],
])("%s loads the schemas of the messages that it reads alone: %j", (file, messages) => {
  const loaded = [...loadedBy(file).keys()].flatMap(
    (name) => /^src\/core\/wire\/messages\/(.*)\.ts$/.exec(name)?.[1] ?? [],
  );
  expect(loaded.sort()).toEqual(messages);
});

test("the index of runs is found to load it", () => {
  expect(slowModulesOf("src/controller/store/run-index.ts").join()).toContain("bun:sqlite");
});

test("a server is found to load it", () => {
  const found = slowModulesOf("src/cli/controller/pairing-mode.ts").join();
  expect(found).toContain("node:tls");
  expect(found).toContain("@peculiar/webcrypto");
});
