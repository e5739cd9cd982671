import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { FileRegistry } from "../../../../src/controller/store/file-registry.ts";
import {
  changeAgents,
  findAgent,
  removeAgent,
  writeAgent,
} from "../../../../src/controller/store/registry.ts";
import {
  type ControllerConfig,
  parseControllerConfig,
} from "../../../../src/core/config/controller-config.ts";
import { TestFolder } from "../../../support/folder.ts";

let folder: TestFolder;
let config: ControllerConfig;
beforeEach(async () => {
  folder = new TestFolder();
  ({ config } = await parseControllerConfig(folder.join("c.conf"), `state_dir = ${folder.path}\n`));
});
afterEach(() => folder[Symbol.dispose]());

function record(file: string, hostname: string): void {
  folder.write(`agents/${file}.json`, JSON.stringify({ hostname, ip: "192.0.2.7" }));
}

/** The record that is found. */
function recordOf(hostname: string) {
  const found = findAgent(config, hostname);
  return found?.kind === "agent" ? found.record : undefined;
}

function problemOf(hostname: string) {
  const found = findAgent(config, hostname);
  return found?.kind === "broken" ? found.broken.problem : undefined;
}

function files(): string[] {
  return readdirSync(folder.join("agents")).sort();
}

describe("finding the agents of a request", () => {
  test("an empty registry, or none, has nobody", () => {
    expect(findAgent(config, "web-01")).toBeUndefined();
  });

  test("a host is found however it is written, and as 0.8 wrote its file", () => {
    record("web-01", "web-01");
    record("DB-01", "DB-01");
    expect(recordOf("WEB-01")?.hostname).toBe("web-01");
    expect(recordOf("db-01")?.hostname).toBe("DB-01");
    expect(findAgent(config, "web-02")).toBeUndefined();
  });

  test("a record that nobody asks for is not read", () => {
    record("web-01", "web-01");
    folder.write("agents/web-02.json", "{");
    expect(recordOf("web-01")?.ip).toBe("192.0.2.7");
  });

  test.each([
    ["no JSON", "{"],
    ["no record", "[]"],
    ["the record of another host", '{"hostname":"web-02"}'],
  ])("T05 a host whose record is %s does not pass as unregistered", (_, content) => {
    folder.write("agents/web-01.json", content);
    expect(problemOf("web-01")).toMatchObject({
      code: "config",
      message: expect.stringContaining("web-01.json"),
      hint: "Restore it from a backup, or pair web-01 again.",
    });
  });

  test("T06 what is not a host name is not a file name either", () => {
    folder.write("secret.json", '{"hostname":"secret"}');
    expect(findAgent(config, "../secret")).toBeUndefined();
  });
});

describe("a record that 0.8 wrote under the name as it was", () => {
  beforeEach(() => record("Web-01", "Web-01"));

  test("is changed and removed in that file, so that 0.8 finds it again", async () => {
    await changeAgents(config, (agent) => ({ ...agent, ip: "192.0.2.8" }));
    expect(files()).toEqual(["Web-01.json"]);
    const found = recordOf("web-01");
    expect(found).toMatchObject({ hostname: "Web-01", ip: "192.0.2.8" });
    if (found !== undefined) writeAgent(config, { ...found, hostname: "web-01", ip: "192.0.2.9" });
    expect(files()).toEqual(["Web-01.json"]);
    expect(readFileSync(folder.join("agents/Web-01.json"), "utf8")).toContain("192.0.2.9");
    expect(removeAgent(config, "WEB-01")).toBe(true);
    expect(files()).toEqual([]);
  });

  test("beside another that differs in case only, both are named and neither hides the other", async () => {
    record("web-01", "web-01");
    record("db-01", "db-01");
    const { agents, broken } = await new FileRegistry(config).read();
    expect([...agents.keys()]).toEqual(["db-01"]);
    expect(broken.map(({ hostname }) => hostname)).toEqual(["web-01"]);
    const { message, hint } = problemOf("web-01") ?? {};
    expect(message).toContain(folder.join("agents/Web-01.json"));
    expect(message).toContain(folder.join("agents/web-01.json"));
    expect(hint).toBe("Remove the one that is out of date, or pair web-01 again.");
  });

  test("beside another that differs in case only, a new pairing leaves one", () => {
    record("web-01", "web-01");
    record("db-01", "db-01");
    const found = recordOf("db-01");
    if (found !== undefined) writeAgent(config, { ...found, hostname: "web-01" });
    expect(files()).toEqual(["Web-01.json", "db-01.json"]);
    expect(recordOf("web-01")?.hostname).toBe("web-01");
  });

  test("beside another that differs in case only, both are removed", () => {
    record("web-01", "web-01");
    expect(removeAgent(config, "web-01")).toBe(true);
    expect(files()).toEqual([]);
  });
});

test("a new record is in a file of its own name in lower case, for its group to read", async () => {
  const { agents } = await new FileRegistry(config).read();
  expect(agents.size).toBe(0);
  record("db-01", "db-01");
  const found = recordOf("db-01");
  if (found !== undefined) writeAgent(config, { ...found, hostname: "Web-01" });
  expect(files()).toEqual(["db-01.json", "web-01.json"]);
  expect(statSync(folder.join("agents/web-01.json")).mode & 0o777).toBe(0o640);
  expect(() => found && writeAgent(config, { ...found, hostname: "../x" })).toThrow(
    'Cannot use "../x": not a host name',
  );
  expect(() => removeAgent(config, "../x")).toThrow("not a host name");
  expect(removeAgent(config, "mail-01")).toBe(false);
});

test("a record that cannot even be opened is not said to be damaged", () => {
  folder.write("agents/db-01.json", "{}");
  symlinkSync("web-01.json", folder.join("agents/web-01.json"));
  const { message, hint } = problemOf("web-01") ?? {};
  expect([message, hint]).toEqual([
    expect.stringContaining("too many symbolic links"),
    "Make sure that this user may read it.",
  ]);
});

test.each<[object, string | undefined]>([
  [{}, undefined],
  [{ ip: null, port: 1, lookup_by: "ip" }, undefined],
  [{ port: 65_535, serial_status: "later" }, undefined],
  [{ port: 0 }, "port"],
  [{ port: 65_536 }, "port"],
  [{ port: 7443.5 }, "port"],
  [{ ip: 7 }, "ip"],
  [{ lookup_by: "name" }, "lookup_by"],
  [{ hostname: "a b" }, "hostname: expected a host name"],
])("a record with %j: what is wrong is named", (changes, wrong) => {
  folder.write("agents/web-01.json", JSON.stringify({ hostname: "web-01", ...changes }));
  if (wrong === undefined) expect(recordOf("web-01")).toMatchObject({ renewed: "" });
  else expect(problemOf("web-01")?.message).toContain(`web-01.json: ${wrong}`);
});

test("what an editor or a cut-off write leaves beside the records is none", async () => {
  record("web-01", "web-01");
  record(".#web-01", "web-01");
  folder.write("agents/.web-01.json.0123456789ab.tmp", "{");
  folder.write("agents/web-01.json~", "{");
  const { agents, broken } = await new FileRegistry(config).read();
  expect([...agents.keys()]).toEqual(["web-01"]);
  expect(broken).toEqual([]);
});

test("the host name inside must fit the file's, in the whole registry too", async () => {
  record("web-01", "web-02");
  record("web_01", "web-01");
  // A K of its own, which no ASCII letter equals.
  record("web-\u212a", "web-k");
  const { agents, broken } = await new FileRegistry(config).read();
  expect([...agents.keys()]).toEqual([]);
  expect(broken.map(({ hostname }) => hostname)).toEqual(["web-01", "web-\u212a", "web_01"]);
  expect(broken.map(({ problem }) => problem.hint)).toEqual([
    "Restore it from a backup, or pair web-01 again.",
    "No host can have that name: rename the file or remove it.",
    "No host can have that name: rename the file or remove it.",
  ]);
});
