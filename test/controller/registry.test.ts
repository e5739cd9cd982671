import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { agentFinder } from "../../src/controller/registry.ts";
import { type ControllerConfig, parseControllerConfig } from "../../src/core/controller-config.ts";
import { TestFolder } from "../support/folder.ts";

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

describe("finding the agents of a request", () => {
  test("an empty registry, or none, has nobody", () => {
    expect(agentFinder(config)("web-01")).toBeUndefined();
  });

  test("a host is found however it is written, and as 0.8 wrote its file", () => {
    record("web-01", "web-01");
    record("DB-01", "DB-01");
    const find = agentFinder(config);
    expect(find("WEB-01")?.hostname).toBe("web-01");
    expect(find("db-01")?.hostname).toBe("DB-01");
    expect(find("web-02")).toBeUndefined();
  });

  test("a record that nobody asks for is not read", () => {
    record("web-01", "web-01");
    folder.write("agents/web-02.json", "{");
    expect(agentFinder(config)("web-01")?.ip).toBe("192.0.2.7");
  });

  test.each([
    ["no JSON", "{"],
    ["no record", "[]"],
    ["the record of another host", '{"hostname":"web-02"}'],
  ])("T05 a host whose record is %s does not pass as unregistered", (_, content) => {
    folder.write("agents/web-01.json", content);
    expect(() => agentFinder(config)("web-01")).toThrow(
      expect.objectContaining({ code: "config", message: expect.stringContaining("web-01.json") }),
    );
  });

  test("T06 what is no host name is no file name either", () => {
    folder.write("secret.json", '{"hostname":"secret"}');
    expect(agentFinder(config)("../secret")).toBeUndefined();
  });
});
