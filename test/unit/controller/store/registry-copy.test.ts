/** The copy of the registry's records: it is used, and whatever happens to it or to the records, nobody is shown anything else than these. */
import { afterEach, beforeEach, describe, expect, setSystemTime, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { FileRegistry } from "../../../../src/controller/store/file-registry.ts";
import { HostIndex } from "../../../../src/controller/store/host-index.ts";
import {
  type CopiedRecord,
  readRegistryCopy,
  writeRegistryCopy,
} from "../../../../src/controller/store/registry-copy.ts";
import {
  type ControllerConfig,
  parseControllerConfig,
} from "../../../../src/core/config/controller-config.ts";
import { TestFolder } from "../../../support/folder.ts";

const HOSTS = 250;
const LONG_AGO = 1_700_000_000;

let folder: TestFolder;
let config: ControllerConfig;
let copy: string;

beforeEach(async () => {
  folder = new TestFolder();
  ({ config } = await parseControllerConfig(folder.join("c.conf"), `state_dir = ${folder.path}\n`));
  copy = folder.join("registry-copy");
  for (let host = 0; host < HOSTS; host++) register(nameOf(host), `10.0.0.${host}`);
});
afterEach(() => {
  setSystemTime();
  folder[Symbol.dispose]();
});

const nameOf = (host: number) => `host-${String(host).padStart(3, "0")}`;
const fileOf = (hostname: string) => folder.join("agents", `${hostname}.json`);
const recordText = (hostname: string, ip: string) => JSON.stringify({ hostname, ip });

function register(hostname: string, ip: string): void {
  folder.write(`agents/${hostname}.json`, recordText(hostname, ip), 0o640);
}

/** What is written counts as young for a while, and is then read at every look. */
function later(): void {
  setSystemTime(new Date(Date.now() + 1000));
}

/** As a process that has just begun sees it. */
async function addresses(): Promise<Record<string, string>> {
  const { agents } = await new HostIndex(config).read();
  return Object.fromEntries([...agents].map(([host, { ip }]) => [host, ip]));
}

const everybody = () =>
  Object.fromEntries(Array.from({ length: HOSTS }, (_, host) => [nameOf(host), `10.0.0.${host}`]));

/** A copy that says something else of one host: whoever is told so has not read the record. */
async function forge(hostname: string, ip: string): Promise<void> {
  const copied = new Map(await readRegistryCopy(copy));
  const { version, record } = copied.get(hostname) as CopiedRecord;
  copied.set(hostname, { version, record: { ...record, ip } });
  expect(await writeRegistryCopy(copy, folder.join("agents"), copied, 0o640)).toBe(true);
}

describe("once there is a copy", () => {
  beforeEach(async () => {
    utimesSync(fileOf("host-000"), LONG_AGO, LONG_AGO);
    later();
    expect(await addresses()).toEqual(everybody());
    await forge("host-000", "copied");
    expect(await addresses()).toEqual({ ...everybody(), "host-000": "copied" });
  });

  const changes: readonly (readonly [string, () => void, Record<string, string | undefined>])[] = [
    [
      "edited in place, to the same length",
      () => writeFileSync(fileOf("host-000"), recordText("host-000", "10.0.0.9")),
      { "host-000": "10.0.0.9" },
    ],
    [
      "edited in place, with the time it had before",
      () => {
        writeFileSync(fileOf("host-000"), recordText("host-000", "10.0.0.9"));
        utimesSync(fileOf("host-000"), LONG_AGO, LONG_AGO);
      },
      { "host-000": "10.0.0.9" },
    ],
    [
      "edited by another process",
      () => {
        const { exitCode } = Bun.spawnSync([
          ...["sh", "-c", 'printf %s "$1" >"$2"', "sh"],
          ...[recordText("host-000", "10.0.0.9"), fileOf("host-000")],
        ]);
        expect(exitCode).toBe(0);
      },
      { "host-000": "10.0.0.9" },
    ],
    [
      "replaced",
      () => {
        folder.write("new", recordText("host-000", "10.0.0.9"));
        renameSync(folder.join("new"), fileOf("host-000"));
      },
      { "host-000": "10.0.0.9" },
    ],
    [
      "put in place of another's",
      () => {
        rmSync(fileOf("host-001"));
        writeFileSync(fileOf("host-001"), recordText("host-001", "10.0.0.9"));
        rmSync(fileOf("host-000"));
      },
      { "host-000": undefined, "host-001": "10.0.0.9" },
    ],
    ["removed", () => rmSync(fileOf("host-000")), { "host-000": undefined }],
    [
      "added",
      () => register("new-host", "10.1.1.1"),
      { "host-000": "copied", "new-host": "10.1.1.1" },
    ],
    ["damaged", () => truncateSync(fileOf("host-000"), 5), { "host-000": undefined }],
    [
      "there twice, in another case",
      () => writeFileSync(fileOf("HOST-000"), recordText("HOST-000", "10.0.0.9")),
      { "host-000": undefined },
    ],
  ];

  test.each(changes)("a record that is %s is seen at once", async (_, change, news) => {
    change();
    later();
    const expected = { ...everybody(), "host-000": "copied", ...news };
    // Twice: the second sees what the first has left.
    expect(await addresses()).toEqual(JSON.parse(JSON.stringify(expected)));
    expect(await addresses()).toEqual(JSON.parse(JSON.stringify(expected)));
  });

  test("the copy is written again when many records are not in it, and only then", async () => {
    const before = readFileSync(copy);
    register("host-001", "10.1.0.1");
    later();
    await addresses();
    expect(readFileSync(copy)).toEqual(before);
    for (let host = 1; host < 20; host++) register(nameOf(host), "10.1.0.1");
    later();
    await addresses();
    expect((await readRegistryCopy(copy)).get("host-001")?.record.ip).toBe("10.1.0.1");
  });

  const damages: readonly (readonly [string, () => void])[] = [
    ["cut short", () => truncateSync(copy, statSync(copy).size >> 1)],
    ["empty", () => truncateSync(copy, 0)],
    ["full of zeros behind its first line", () => zero(copy)],
    ["changed in one letter", () => replaceIn(copy, "copied", "copies")],
    ["of another version", () => replaceIn(copy, /^ctrl-exec \S+/, "ctrl-exec 0.9")],
    ["a link", () => asLink(copy)],
    ["gone", () => rmSync(copy)],
  ];

  test.each(damages)(
    "a copy that is %s counts for nothing, and is made again",
    async (_, damage) => {
      damage();
      expect(await addresses()).toEqual(everybody());
      expect(statSync(copy).isFile()).toBe(true);
      expect((await readRegistryCopy(copy)).size).toBe(HOSTS);
    },
  );

  test("many hosts are found by it, in the order asked, and those that cannot be used", async () => {
    folder.write("agents/host-007.json", "{");
    const asked = [...Object.keys(everybody()).toReversed(), "HOST-007", "nobody"];
    const found = await new FileRegistry(config).findAll(asked);
    expect([...found.keys()]).toEqual(Object.keys(everybody()).toReversed());
    expect(found.get("host-000")).toMatchObject({ kind: "agent", record: { ip: "copied" } });
    expect(found.get("host-007")).toMatchObject({
      kind: "broken",
      broken: { hostname: "host-007", problem: { code: "config" } },
    });
  });

  test("a few are read themselves", async () => {
    const registry = new FileRegistry(config);
    const found = (await registry.findAll(["host-000"])).get("host-000");
    expect(found).toMatchObject({ kind: "agent", record: { ip: "10.0.0.0" } });
    expect(await registry.find("host-000")).toEqual(found);
  });
});

function zero(path: string): void {
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill(0, bytes.indexOf("\n") + 1));
}

function replaceIn(path: string, what: string | RegExp, by: string): void {
  const before = readFileSync(path, "utf8");
  const after = before.replace(what, by);
  expect(after).not.toBe(before);
  writeFileSync(path, after);
}

function asLink(path: string): void {
  renameSync(path, `${path}.moved`);
  symlinkSync(`${path}.moved`, path);
}

test("where no copy can be written, the records are read, and nothing is left behind", async () => {
  mkdirSync(copy);
  later();
  const index = new HostIndex(config);
  for (let look = 0; look < 2; look++) {
    expect([...(await index.read()).agents.keys()]).toEqual(Object.keys(everybody()));
  }
  expect(readdirSync(folder.path).toSorted()).toEqual(["agents", "registry-copy"]);
});

test("a record that was written just now is in no copy: it may change again with the same timestamps", async () => {
  const last = nameOf(HOSTS - 1);
  setSystemTime(new Date(statSync(fileOf(last)).ctimeMs));
  expect(await addresses()).toEqual(everybody());
  const young = await readRegistryCopy(copy);
  // The first of them were written a while before the last.
  expect(young.has(last)).toBe(false);
});

test("of a few hosts there is no copy", async () => {
  for (let host = 100; host < HOSTS; host++) rmSync(fileOf(nameOf(host)));
  later();
  await addresses();
  expect(existsSync(copy)).toBe(false);
});

test("what cannot be used is in no copy, is named each time, and is seen when it is repaired", async () => {
  folder.write("agents/host-003.json", "{");
  later();
  for (let look = 0; look < 2; look++) {
    const { agents, broken } = await new HostIndex(config).read();
    expect(agents.size).toBe(HOSTS - 1);
    expect(broken.map(({ hostname }) => hostname)).toEqual(["host-003"]);
  }
  register("host-003", "10.0.0.3");
  expect(await addresses()).toEqual(everybody());
});

test("who may not read the records may not read the copy", async () => {
  later();
  await addresses();
  expect(statSync(copy).mode & 0o777).toBe(
    statSync(folder.join("agents")).mode & 0o040 ? 0o640 : 0o600,
  );
  rmSync(copy);
  chmodSync(fileOf("host-000"), 0o600);
  later();
  await addresses();
  expect(statSync(copy).mode & 0o777).toBe(0o600);
});
