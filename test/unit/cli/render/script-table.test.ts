import { expect, test } from "bun:test";
import { scriptTable } from "../../../../src/cli/render/script-table.ts";
import type { DiscoveredHost } from "../../../../src/core/results.ts";

/** @param scripts those that cannot be executed with a "!" */
function host(name: string, ...scripts: string[]): DiscoveredHost {
  const found = scripts.map((text) => ({
    name: text.replace("!", ""),
    path: `/opt/${text}`,
    executable: !text.endsWith("!"),
  }));
  return { host: name, status: "ok", version: "1.1.0", rtt: "1ms", scripts: found, tags: {} };
}

const web = (count: number, ...scripts: string[]) =>
  Array.from({ length: count }, (_, index) =>
    host(`web-${String(index + 1).padStart(2, "0")}`, ...scripts),
  );

test("a row for each script, with the hosts that have it", () => {
  const found = [...web(20, "deploy-app", "report"), host("db-01", "report", "backup-mysql")];
  expect(scriptTable(found, Number.POSITIVE_INFINITY)).toBe(
    [
      "SCRIPT        HOSTS  WHERE",
      "------------  -----  -----",
      "backup-mysql      1  db-01",
      "deploy-app       20  web-[01-20]",
      "report           21  db-01,web-[01-20]",
      "",
    ].join("\n"),
  );
});

test("what cannot be executed, and who has nothing, is said", () => {
  const found = [
    ...web(2, "deploy-app"),
    host("web-03", "deploy-app!"),
    host("mail", "x!"),
    host("db"),
  ];
  expect(scriptTable(found, 80)).toBe(
    [
      "SCRIPT      HOSTS  WHERE",
      "----------  -----  -----",
      "deploy-app      2  web-[01-02]",
      "                1  not executable: web-03",
      "x               1  not executable: mail",
      "(none)          1  db",
      "",
    ].join("\n"),
  );
});

test.each([80, 40])("everything fits %i columns", (columns) => {
  const odd = Array.from({ length: 60 }, (_, index) => host(`rack${index * 2 + 1}`, "deploy-app"));
  const long = "a-script-with-a-name-that-is-long";
  const table = scriptTable([...odd, host("db-01", long)], columns);
  const lines = table.trimEnd().split("\n");
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(columns);
  expect(table.replaceAll(/\s/g, "")).toContain("rack[1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31,");
  expect(table).toContain(long);
});

test("T29 no name draws a row of its own", () => {
  const table = scriptTable([host("web-01", "a\nweb-02  9  x")], 80);
  expect(table.trimEnd().split("\n")).toHaveLength(3);
});
