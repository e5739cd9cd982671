/** What the hosts have told, in its file: it may be lost, and never stands in the way. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { openFileStore } from "../../../../src/controller/store/file-store.ts";
import { lockPath } from "../../../../src/controller/store/lock-path.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import type { HostNews } from "../../../../src/controller/store/ports/learned.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { takeLock } from "../../../../src/system/files/lock.ts";
import { EventLog } from "../../../support/event-log.ts";
import { TestFolder } from "../../../support/folder.ts";
import { fullDisk } from "../../../support/full-disk.ts";
import { openFiles } from "../../../support/processes.ts";

class Stage implements Disposable {
  readonly folder = new TestFolder();
  readonly log = new EventLog("ctrl-exec");

  async open() {
    const text = `state_dir = ${this.folder.join("state")}\n`;
    const { config } = await parseControllerConfig(this.folder.join("ctrl-exec.conf"), text);
    const { learned } = openFileStore({ config, log: this.log.log, now: () => new Date() });
    return { config, learned, file: paths(config).learned };
  }

  register(...hosts: readonly string[]): void {
    for (const hostname of hosts) {
      this.folder.write(`state/agents/${hostname}.json`, JSON.stringify({ hostname }));
    }
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }
}

const news = (told: Readonly<Record<string, HostNews>>) => new Map(Object.entries(told));
const WEB = news({ "web-01": { version: "1.1.0", tags: { env: "test" } } });

test("to ask makes no file; to learn makes one that others cannot read", async () => {
  using stage = new Stage();
  const { learned, file } = await stage.open();
  expect((await learned.known()).size).toBe(0);
  await learned.forget("web-01");
  await learned.learn(news({}));
  expect(existsSync(stage.folder.join("state"))).toBe(false);
  stage.register("web-01");
  await learned.learn(WEB);
  for (const each of [file, `${file}-wal`, `${file}-shm`]) {
    expect([each, statSync(each).mode & 0o777]).toEqual([each, 0o640]);
  }
  expect(stage.log.events).toEqual([]);
});

test.each<[string, (file: string) => void]>([
  ["text", (file) => writeFileSync(file, "no database".repeat(1000))],
  [
    "another database",
    (file) => {
      using database = new Database(file, { create: true });
      database.run("CREATE TABLE host (name TEXT)");
    },
  ],
  ["a FIFO", (file) => void Bun.spawnSync(["mkfifo", file])],
])("%s in its place counts as nothing, and is replaced", async (_, put) => {
  using stage = new Stage();
  stage.register("web-01");
  const { learned, file } = await stage.open();
  put(file);
  expect((await learned.known()).size).toBe(0);
  expect(stage.log.of("learn-fail")).toHaveLength(1);
  await learned.learn(WEB);
  expect((await learned.known()).get("web-01")?.version?.value).toBe("1.1.0");
  const second = await stage.open();
  expect((await second.learned.known()).size).toBe(1);
  expect(stage.log.of("learn-fail")).toHaveLength(1);
});

test("a file that breaks under a process that has it open is replaced", async () => {
  using stage = new Stage();
  stage.register("web-01");
  const { learned, file } = await stage.open();
  await learned.learn(WEB);
  await learned.known();
  using breaking = new Database(file);
  breaking.run("DROP TABLE host");
  expect((await learned.known()).size).toBe(0);
  await learned.learn(WEB);
  expect((await learned.known()).size).toBe(1);
});

test("one that breaks is replaced by whoever has something to tell, too", async () => {
  using stage = new Stage();
  stage.register("web-01");
  const { learned, file } = await stage.open();
  await learned.learn(WEB);
  using breaking = new Database(file);
  breaking.run("DROP TABLE host");
  await learned.learn(WEB);
  expect((await learned.known()).size).toBe(1);
  expect(stage.log.of("learn-fail")).toHaveLength(1);
});

test("T22 what was told stays where the disk is full", async () => {
  using stage = new Stage();
  stage.register("web-01", "web-02");
  const { learned } = await stage.open();
  await learned.learn(WEB);
  {
    using _full = fullDisk(1);
    await learned.learn(news({ "web-02": { version: "1.1.0" } }));
  }
  expect([...(await learned.known()).keys()]).toEqual(["web-01"]);
  expect(stage.log.of("learn-fail")).toHaveLength(1);
});

test("T21 a host that is not registered tells nothing, however few others have", async () => {
  using stage = new Stage();
  stage.register("web-01", "web-02");
  const { learned } = await stage.open();
  await learned.learn(news({ stranger: { version: "1.1.0" } }));
  expect((await learned.known()).size).toBe(0);
});

test("T65 a file that was replaced does not stay open", async () => {
  using stage = new Stage();
  stage.register("web-01");
  const { learned, file } = await stage.open();
  for (let time = 0; time < 3; time++) {
    for (const ending of ["", "-wal", "-shm"]) rmSync(file + ending, { force: true });
    await learned.learn(WEB);
  }
  const open = openFiles(process.pid).filter((each) => each.startsWith(file));
  expect(open.filter((each) => each.endsWith(" (deleted)"))).toEqual([]);
  expect(open).toContain(file);
});

test("what nobody has changed is not read again, and this process's changes are in it", async () => {
  using stage = new Stage();
  stage.register("web-01", "web-02");
  const { learned } = await stage.open();
  await learned.learn(news({ "web-01": {}, "web-02": {} }));
  const known = await learned.known();
  expect(await learned.known()).toBe(known);
  rmSync(stage.folder.join("state/agents/web-01.json"));
  await learned.learn(news({ "web-02": { version: "1.1.0" } }));
  expect(await learned.known()).toBe(known);
  expect([...known].map(([host, { version }]) => [host, version?.value])).toEqual([
    ["web-02", "1.1.0"],
  ]);
  const other = await stage.open();
  await other.learned.forget("web-02");
  expect((await learned.known()).size).toBe(0);
});

test("a file that was removed is made again, and what is in it is not what was", async () => {
  using stage = new Stage();
  stage.register("web-01", "web-02");
  const { learned, file } = await stage.open();
  await learned.learn(WEB);
  expect((await learned.known()).size).toBe(1);
  for (const ending of ["", "-wal", "-shm"]) rmSync(file + ending);
  expect((await learned.known()).size).toBe(0);
  const other = await stage.open();
  await other.learned.learn(news({ "web-02": {} }));
  expect([...(await learned.known()).keys()]).toEqual(["web-02"]);
  await learned.learn(WEB);
  expect([...(await other.learned.known()).keys()].toSorted()).toEqual(["web-01", "web-02"]);
  expect(stage.log.events).toEqual([]);
});

test("what cannot be written is logged, and what cannot be read is a problem with a next step", async () => {
  using stage = new Stage();
  stage.register("web-01");
  const { learned, file } = await stage.open();
  mkdirSync(file);
  await learned.learn(WEB);
  await learned.forget("web-01");
  expect(stage.log.of("learn-fail").length).toBeGreaterThan(0);
  await expect(learned.known()).rejects.toMatchObject({
    code: "storage",
    message: expect.stringContaining(`Cannot read ${file}: `),
    hint: expect.stringContaining("the hosts report it again"),
  });
  expect(readdirSync(file)).toEqual([]);
});

test("one transaction for all, while readers go on, and after the lock's holder", async () => {
  using stage = new Stage();
  const hosts = Array.from({ length: 1200 }, (_, index) => `web-${index}`);
  mkdirSync(stage.folder.join("state/agents"), { recursive: true });
  stage.register(...hosts);
  const { learned, config } = await stage.open();
  const told = news(Object.fromEntries(hosts.map((host) => [host, { version: "1.0" }])));
  await learned.learn(news({ "web-0": { version: "0.9" } }));
  const lock = await takeLock(lockPath(config, "learned"));
  const learning = learned.learn(told);
  const other = await stage.open();
  const reading = other.learned.known();
  lock.release();
  await learning;
  expect((await learned.known()).size).toBe(1200);
  expect((await reading).size).toBeGreaterThan(0);
  expect((await other.learned.known()).size).toBe(1200);
});

test("rows of hosts that are registered no longer go with the next that are learned", async () => {
  using stage = new Stage();
  stage.register("web-01", "web-02");
  const { learned } = await stage.open();
  await learned.learn(news({ "web-01": {}, "web-02": {} }));
  rmSync(stage.folder.join("state/agents/web-01.json"));
  await learned.learn(news({ "web-02": {} }));
  expect([...(await learned.known()).keys()]).toEqual(["web-02"]);
});

test("without the right to write, what is there is read", async () => {
  using stage = new Stage();
  stage.register("web-01");
  const { learned, file } = await stage.open();
  await learned.learn(WEB);
  // A folder in the place of the locks is as good as no right, for root too.
  rmSync(stage.folder.join("state/locks"), { recursive: true });
  writeFileSync(stage.folder.join("state/locks"), "");
  chmodSync(file, 0o440);
  const other = await stage.open();
  expect((await other.learned.known()).get("web-01")?.version?.value).toBe("1.1.0");
  await other.learned.learn(WEB);
  expect(stage.log.of("learn-fail")).toHaveLength(1);
});
