/**
 * What the hosts have reported, in `learned.sqlite`: one file for all, so that a fan-out over thousands of hosts
 * writes once, and the registry's records, which 0.8 reads as well, stay as they are.
 *
 * The API keeps it open, and its contents in memory as long as no other process has written. A process that writes,
 * opens or replaces it holds a file lock, and waits for that without blocking the event loop; a reader needs no lock.
 */
import type { Database } from "bun:sqlite";
import { lstatSync } from "node:fs";
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { lowerAscii } from "../../core/net/host-name.ts";
import { type HeldLock, takeLock } from "../../system/files/lock.ts";
import {
  isOfSurroundings,
  lockDatabase,
  openDatabaseFile,
  openDatabaseToRead,
  removeDatabaseFile,
} from "./database-file.ts";
import type { StoreContext } from "./host.ts";
import {
  KNOWN_COLUMNS,
  type KnownRow,
  knownReader,
  LEARN,
  SCHEMA,
  scriptsIn,
  valuesOf,
} from "./learned-rows.ts";
import { lockPath } from "./lock-path.ts";
import { paths } from "./paths.ts";
import type { HostNews, KnownHost, Learned, LearnedStore } from "./ports/learned.ts";

/** Rows that are read or written before the event loop turns. */
const ROWS_TOGETHER = 500;

const KIND = { schema: SCHEMA, mark: "", synchronous: "NORMAL" } as const;

interface OpenFile {
  readonly database: Database;
  /** Identifies the file. */
  readonly id: string;
}

export class LearnedFile implements LearnedStore {
  readonly #context: StoreContext;
  readonly #path: string;
  readonly #registered: () => Promise<readonly string[]>;
  #open: OpenFile | undefined;
  /** As of that version of the open file, including this process's own changes. */
  #known: { readonly version: number; readonly hosts: Map<string, KnownHost> } | undefined;
  /** Only one caller at a time uses the open file. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @param registered the names, in lower case */
  constructor(context: StoreContext, registered: () => Promise<readonly string[]>) {
    this.#context = context;
    this.#path = paths(context.config).learned;
    this.#registered = registered;
  }

  async known(): Promise<ReadonlyMap<string, KnownHost>> {
    return await this.#reading((database) => this.#readAll(database));
  }

  async scripts(
    hostnames: readonly string[],
  ): Promise<ReadonlyMap<string, Learned<readonly string[]>>> {
    return await this.#reading(async (database) => {
      const query = database.query<{ scripts: string; scripts_at: number }, [string]>(
        "SELECT scripts, scripts_at FROM host WHERE name = ? AND scripts IS NOT NULL",
      );
      const found = new Map<string, Learned<readonly string[]>>();
      for (const name of hostnames.map(lowerAscii)) {
        const row = query.get(name);
        if (row !== null) found.set(name, scriptsIn(row.scripts, row.scripts_at));
      }
      return found;
    });
  }

  async learn(news: ReadonlyMap<string, HostNews>): Promise<void> {
    await this.#writing(async (database) => {
      // With the lock held: a host that is unpaired now is forgotten after this.
      const registered = new Set(await this.#registered());
      const told = [...news].filter(([name]) => registered.has(lowerAscii(name)));
      const time = this.#context.now().getTime();
      for (let from = 0; from < told.length; from += ROWS_TOGETHER) {
        const some = told.slice(from, from + ROWS_TOGETHER);
        const rows = some.map(([name, each]) => valuesOf(lowerAscii(name), each, time));
        this.#write(database, rows);
        await new Promise(setImmediate);
      }
      this.#dropOthers(database, registered);
    });
  }

  async forget(hostname: string): Promise<void> {
    await this.#writing(async (database) => {
      this.#drop(database, [lowerAscii(hostname)]);
    });
  }

  /** @throws CtrlExecError `storage`, `busy` */
  async #reading<Value>(work: (database: Database) => Promise<Value>) {
    return await this.#inTurn(async () => {
      try {
        return await work(this.#current() ?? (await this.#opened())).catch(async (thrown) => {
          return await work(await this.#mended(thrown));
        });
      } catch (cause) {
        if (cause instanceof CtrlExecError) throw cause;
        throw new CtrlExecError("storage", `Cannot read ${this.#path}: ${messageOf(cause)}`, {
          hint: "Make sure that this user may read and write it, or remove it: the hosts report it again.",
          cause,
        });
      }
    });
  }

  /** Never rejects. */
  async #writing(work: (database: Database) => Promise<void>): Promise<void> {
    await this.#inTurn(async () => {
      try {
        using _lock = await this.#lock();
        try {
          await work(this.#current() ?? this.#openLocked());
        } catch (thrown) {
          this.#removeBroken(thrown);
          await work(this.#openLocked());
        }
      } catch (thrown) {
        this.#logFailure(thrown);
      }
    });
  }

  async #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return await turn;
  }

  /** Undefined if it is not open, or another process has replaced it. */
  #current(): Database | undefined {
    return this.#open?.id === fileId(this.#path) ? this.#open?.database : undefined;
  }

  async #opened(): Promise<Database> {
    using lock = await lockDatabase(this.#context.config, "learned");
    // Without the right to write here, existing contents can be read.
    if (lock === undefined) return this.#keep(openDatabaseToRead(this.#path));
    try {
      return this.#openLocked();
    } catch (thrown) {
      this.#removeBroken(thrown);
      return this.#openLocked();
    }
  }

  /** Creates an empty one, unless another process has just created one. */
  async #mended(thrown: unknown): Promise<Database> {
    using _lock = await this.#lock();
    if (this.#current() !== undefined) this.#removeBroken(thrown);
    return this.#openLocked();
  }

  /** @throws what was thrown, if there is nothing wrong with the file itself */
  #removeBroken(thrown: unknown): void {
    if (thrown instanceof CtrlExecError || isOfSurroundings(thrown)) throw thrown;
    this.#logFailure(thrown);
    removeDatabaseFile(this.#path);
  }

  #openLocked(): Database {
    this.#open?.database.close();
    this.#open = undefined;
    return this.#keep(openDatabaseFile(this.#path, KIND));
  }

  #keep(database: Database): Database {
    this.#known = undefined;
    this.#open = { database, id: fileId(this.#path) };
    return database;
  }

  async #lock(): Promise<HeldLock> {
    return await takeLock(lockPath(this.#context.config, "learned"));
  }

  async #readAll(database: Database): Promise<ReadonlyMap<string, KnownHost>> {
    const version = versionOf(database);
    if (this.#known?.version === version) return this.#known.hosts;
    const hosts = new Map<string, KnownHost>();
    const knownIn = knownReader();
    const query = database.query<KnownRow, [number]>(
      `SELECT ${KNOWN_COLUMNS} FROM host WHERE rowid > ? ORDER BY rowid LIMIT ${ROWS_TOGETHER}`,
    );
    for (let last = 0; ; ) {
      const rows = query.all(last);
      for (const row of rows) hosts.set(row.name, knownIn(row));
      const end = rows.at(-1);
      if (end === undefined || rows.length < ROWS_TOGETHER) break;
      last = end.rowid;
      await new Promise(setImmediate);
    }
    this.#known = { version, hosts };
    return hosts;
  }

  #write(database: Database, rows: readonly ReturnType<typeof valuesOf>[]): void {
    const query = database.query<KnownRow, ReturnType<typeof valuesOf>>(LEARN);
    const written: KnownRow[] = [];
    database.transaction(() => {
      for (const row of rows) written.push(...query.all(row));
    })();
    const knownIn = knownReader();
    for (const row of written) this.#known?.hosts.set(row.name, knownIn(row));
  }

  /** Hosts that were unpaired when they could not be forgotten. */
  #dropOthers(database: Database, registered: ReadonlySet<string>): void {
    const counted = database.query<{ count: number }, []>("SELECT count(*) AS count FROM host");
    if ((counted.get()?.count ?? 0) <= registered.size) return;
    const names = database.query<{ name: string }, []>("SELECT name FROM host").all();
    this.#drop(
      database,
      names.map(({ name }) => name).filter((name) => !registered.has(name)),
    );
  }

  #drop(database: Database, names: readonly string[]): void {
    const query = database.query("DELETE FROM host WHERE name = ?");
    database.transaction(() => {
      for (const name of names) query.run(name);
    })();
    for (const name of names) this.#known?.hosts.delete(name);
  }

  #logFailure(thrown: unknown): void {
    this.#context.log({ event: "learn-fail", error: messageOf(thrown), path: this.#path });
  }
}

/** Differs when another connection has changed something. */
function versionOf(database: Database): number {
  const row = database.query<{ data_version: number }, []>("PRAGMA data_version").get();
  return row?.data_version ?? -1;
}

function fileId(path: string): string {
  const facts = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return facts === undefined ? "none" : `${facts.dev}:${facts.ino}`;
}
