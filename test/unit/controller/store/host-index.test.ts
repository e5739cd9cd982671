/** T67: what is asked of the registry before the hook has agreed costs little, and is true. */
import { afterEach, beforeEach, describe, expect, setSystemTime, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { HostIndex } from "../../../../src/controller/store/host-index.ts";
import { findAgent, removeAgent, writeAgent } from "../../../../src/controller/store/registry.ts";
import {
  type ControllerConfig,
  parseControllerConfig,
} from "../../../../src/core/config/controller-config.ts";
import { fileVersion } from "../../../../src/system/files/file-version.ts";
import { TestFolder, until } from "../../../support/folder.ts";

const RECORDS = 300;
const RECORD_BYTES = 4000;

let folder: TestFolder;
let config: ControllerConfig;
let now: number;
let index: HostIndex;

beforeEach(async () => {
  folder = new TestFolder();
  mkdirSync(folder.join("agents"));
  ({ config } = await parseControllerConfig(folder.join("c.conf"), `state_dir = ${folder.path}\n`));
  now = 5_000;
  index = new HostIndex(config, () => now);
});
afterEach(() => {
  setSystemTime();
  folder[Symbol.dispose]();
});

function register(hostname: string, ip: string, port?: number): string {
  const note = "x".repeat(RECORD_BYTES);
  const file = folder.join("agents", `${hostname}.json`);
  writeFileSync(file, JSON.stringify({ hostname, ip, port, note }));
  return file;
}

async function at(address: string, port = 7443): Promise<string | undefined> {
  const [name] = (await index.byAddress())(address, port);
  return name;
}

/** Bytes that this process has read so far (proc_pid_io(5)). */
function bytesRead(): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
}

describe("T67 of a registry of many", () => {
  beforeEach(async () => {
    let last = "";
    for (let host = 0; host < RECORDS; host++) {
      last = register(`host-${host}`, `10.0.${host >> 8}.${host & 255}`);
    }
    // One that has just been written counts as changed at every look.
    let seen = "";
    await until("the records are old enough", () => {
      const before = seen;
      seen = fileVersion(last);
      return seen === before;
    });
  });

  test("the records are read once, and again only those that changed", async () => {
    const before = bytesRead();
    expect(await at("10.0.1.2")).toBe("host-258");
    const first = bytesRead() - before;
    expect(first).toBeGreaterThan(RECORDS * RECORD_BYTES);
    for (let second = 0; second < 10; second++) {
      now += 1_000;
      expect(await at("10.0.1.3")).toBe("host-259");
    }
    register("host-259", "10.9.9.9");
    now += 3_000;
    expect(await at("10.0.1.3")).toBeUndefined();
    expect(await at("10.9.9.9")).toBe("host-259");
    expect(bytesRead() - before - first).toBeLessThan(RECORD_BYTES * 20);
  });

  test("the names are listed without a look at a record", () => {
    const before = bytesRead();
    expect(index.names()).toHaveLength(RECORDS);
    expect(bytesRead() - before).toBeLessThan(RECORD_BYTES * 20);
  });

  test("others have their turn while the records are read", async () => {
    let turns = 0;
    let reading = true;
    const count = () => {
      turns += 1;
      if (reading) setImmediate(count);
    };
    setImmediate(count);
    await at("10.0.1.2");
    reading = false;
    expect(turns).toBeGreaterThan(0);
  });

  test("those who ask at once share one look", async () => {
    const before = bytesRead();
    const asked = Array.from({ length: 20 }, (_, host) => at(`10.0.0.${host}`));
    expect(await Promise.all(asked)).toEqual(asked.map((_, host) => `host-${host}`));
    expect(bytesRead() - before).toBeLessThan(2.5 * RECORDS * (RECORD_BYTES + 200));
  });
});

describe("T30 it is true at once after", () => {
  beforeEach(async () => {
    register("web-01", "10.0.0.5");
    expect(await at("10.0.0.5")).toBe("web-01");
  });

  test("a new record", async () => {
    register("web-02", "10.0.0.6");
    expect(await at("10.0.0.6")).toBe("web-02");
    expect(index.names()).toEqual(["web-01", "web-02"]);
  });

  test("a record that was written again, as pairing and edit-agent do", async () => {
    const found = findAgent(config, "web-01");
    if (found?.kind !== "agent") throw new Error("web-01 is not registered");
    writeAgent(config, { ...found.record, ip: "10.0.0.7", port: 7450 });
    expect(await at("10.0.0.5")).toBeUndefined();
    expect(await at("10.0.0.7")).toBeUndefined();
    expect(await at("10.0.0.7", 7450)).toBe("web-01");
  });

  test("a record that has gone", async () => {
    expect(index.names()).toEqual(["web-01"]);
    removeAgent(config, "web-01");
    expect(await at("10.0.0.5")).toBeUndefined();
    expect(index.names()).toEqual([]);
  });

  test("a look that was under way already", async () => {
    for (let host = 0; host < RECORDS; host++) register(`host-${host}`, "10.1.0.1");
    const under = at("10.0.0.9");
    await new Promise(setImmediate);
    register("aaa-01", "10.0.0.9");
    expect(await at("10.0.0.9")).toBe("aaa-01");
    await under;
  });
});

test("what an editor writes into a record's own file is seen two seconds later, and the files are not looked at before", async () => {
  const file = register("web-01", "10.0.0.5");
  // What has just been written counts as changed at every look.
  setSystemTime(new Date(Date.now() + 1000));
  expect(await at("10.0.0.5")).toBe("web-01");
  writeFileSync(file, JSON.stringify({ hostname: "web-01", ip: "10.0.0.6" }));
  now += 2_000;
  expect(await at("10.0.0.5")).toBe("web-01");
  now += 1;
  expect(await at("10.0.0.5")).toBeUndefined();
  expect(await at("10.0.0.6")).toBe("web-01");
});

test("T05 records that differ in case only are nobody's, and so is a damaged one", async () => {
  register("web-01", "10.0.0.5");
  folder.write("agents/WEB-01.json", JSON.stringify({ hostname: "WEB-01", ip: "10.0.0.5" }));
  folder.write("agents/web-02.json", "{");
  expect(await at("10.0.0.5")).toBeUndefined();
  expect(index.names()).toEqual(["web-01", "web-02"]);
});
