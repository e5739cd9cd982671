/** Completions, pressed for in the real shells. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { openFileStore } from "../../../src/controller/store/file-store.ts";
import { parseControllerConfig } from "../../../src/core/config/controller-config.ts";
import { tryLock } from "../../../src/system/files/lock.ts";
import { BINARY } from "../../support/binary.ts";
import { TestFolder, until } from "../../support/folder.ts";

const COMPLETIONS = join(import.meta.dir, "../../../completions");
const folder = new TestFolder();

/** Values that a shell would carry out, or take apart. */
const HOSTILE = [
  "$(touch pwned)",
  "`touch pwned`",
  "x;touch pwned",
  "x|touch pwned>pwned",
  "*'a b",
];

/** A `ctrl-exec` on the PATH that knows two hosts, a request, and what ran where. */
beforeAll(async () => {
  const state = folder.join("state");
  const config = folder.write("control/ctrl-exec.conf", `state_dir = ${state}\n`);
  for (const hostname of ["db-01", "web-01"]) {
    folder.write(`state/agents/${hostname}.json`, JSON.stringify({ hostname, ip: "127.0.0.1" }));
  }
  const { config: parsed } = await parseControllerConfig(config, `state_dir = ${state}\n`);
  const { learned } = openFileStore({ config: parsed, log: () => {}, now: () => new Date() });
  await learned.learn(
    new Map([
      [
        "web-01",
        {
          tags: {
            ...{ env: "production", role: "web", evil: HOSTILE[0] ?? "" },
            // An option, if it began a word.
            "--token": "x",
          },
          version: "1.1.0",
          scripts: ["report", "--detach", "x;touch pwned"],
        },
      ],
      ["db-01", { tags: { env: "test", role: "db", evil: HOSTILE[1] ?? "" }, version: "1.0.2" }],
    ]),
  );
  folder.write(
    "control/groups.d/a.toml",
    "[frontends]\nhosts = 'web-01'\n[backends]\nhosts = 'db-01'",
  );
  const ran = (id: string, script: string, host: string, exit: number) =>
    folder.write(
      `state/runs/${id}.json`,
      JSON.stringify({
        ...{ reqid: id, script, hosts: [host], submitter: "ann" },
        ...{ started: "2026-01-15T12:00:00Z", completed: "2026-01-15T12:00:01Z" },
        results: [{ host, script, exit, stdout: "", stderr: "", rtt: "1ms", reqid: id }],
      }),
    );
  ran("a1b2c3d4e5f60718", "backup-mysql", "db-01", 0);
  ran("a1b2c3d4e5f60719", "deploy-app", "web-01", 3);
  ran("a1b2c3d4e5f60720", "no-such-script", "web-01", -1);
  const open = (id: string, results: readonly object[]) => {
    const run = { reqid: id, script: "roll", hosts: ["web-01"], submitter: "ann", results };
    const record = { ...run, started: "2026-01-15T12:00:02Z", complete: false, completed: null };
    const file = folder.write(`state/runs/${id}.json`, JSON.stringify(record));
    // Its process lives, however long this test takes.
    utimesSync(file, Date.now() / 1000 + 3600, Date.now() / 1000 + 3600);
  };
  const waits = { host: "web-01", script: "roll", exit: -1, stdout: "", stderr: "", rtt: "" };
  open("a1b2c3d4e5f60721", [{ ...waits, state: "not-started", error: "x" }]);
  open("a1b2c3d4e5f60722", [{ ...waits, state: "queued" }]);
  open("a1b2c3d4e5f60723", []);
  const request = {
    id: "b1b2c3d4e5f60718",
    hostname: "new-01",
    ip: "10.0.0.9",
    csr: "",
    nonce: "",
  };
  folder.write(
    `state/pairing/${request.id}.json`,
    JSON.stringify({ ...request, received: new Date().toISOString(), code: "042137" }),
  );
  const token = { public_key: "0a".repeat(32), created: "2026-01-15T12:00:00Z", uses: 1 };
  for (const [id, more] of [
    ["c1b2c3d4e5f60718", {}],
    ["c1b2c3d4e5f60719", { revoked: "2026-01-15T12:30:00Z" }],
  ] as const) {
    const expires = "2126-01-15T12:00:00Z";
    const file = `state/join-tokens/${id}.json`;
    folder.write(file, JSON.stringify({ id, ...token, expires, ...more }));
  }
  // As the pairing-mode that holds the request's connection does.
  tryLock(folder.write("state/locks/.pairing-mode", ""));
  mkdirSync(folder.join("bin"));
  // "complete" takes --config like every mode; mostly the words a person typed have none.
  folder.script(
    "bin/ctrl-exec",
    `case " $* " in *" --config"*) ;; *) set -- "$@" --config ${config} ;; esac
exec ${BINARY} "$@" --log stderr`,
  );
  const other = folder.join("other");
  folder.write("other.conf", `state_dir = ${other}\n`);
  folder.write("other/agents/mail-01.json", JSON.stringify({ hostname: "mail-01" }));
});
afterAll(() => folder[Symbol.dispose]());

const PATH = (bin = "bin") => `${folder.join(bin)}:/usr/local/bin:/usr/bin:/bin`;

class Shell implements Disposable {
  readonly #child: Bun.Subprocess;
  readonly #terminal: Bun.Terminal;
  #screen = "";

  constructor(command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#terminal = new Bun.Terminal({
      cols: 160,
      rows: 60,
      data: (_, chunk) => {
        this.#screen += Buffer.from(chunk).toString("utf8");
      },
    });
    this.#child = Bun.spawn([...command], {
      terminal: this.#terminal,
      cwd: folder.path,
      env: { PATH: PATH(), HOME: folder.path, TERM: "dumb", LC_ALL: "C.UTF-8", ...env },
    });
  }

  async seen(pattern: RegExp): Promise<void> {
    await until(`the shell shows ${pattern}; it shows:\n${this.#screen}`, () =>
      pattern.test(this.#screen),
    );
  }

  /**
   * Types a line and TAB, and waits until the screen shows the pattern behind it. Once: each TAB starts the program,
   * and both shells are told to list at the first.
   */
  async press(line: string, shows: RegExp): Promise<string> {
    this.#screen = "";
    this.#terminal.write(`${line}\t`);
    await this.seen(shows);
    const screen = this.#screen;
    // Ctrl-U empties the line; the next prompt is clean.
    this.#terminal.write("\u0015echo REA''DY\n");
    await this.seen(/READY\r?\n/);
    return screen;
  }

  clear(): void {
    this.#screen = "";
  }

  type(line: string): void {
    this.#terminal.write(`${line}\r`);
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
    this.#terminal.close();
  }
}

async function openBash(bin?: string): Promise<Shell> {
  const shell = new Shell(["bash", "--norc", "--noprofile", "-i"], { PATH: PATH(bin) });
  shell.type("bind 'set show-all-if-ambiguous on'; bind 'set enable-bracketed-paste off'");
  shell.type(`. ${COMPLETIONS}/ctrl-exec.bash; echo LOAD''ED`);
  await shell.seen(/LOADED/);
  return shell;
}

async function openZsh(bin?: string): Promise<Shell> {
  const shell = new Shell(["zsh", "-f", "-i"], { PATH: PATH(bin) });
  shell.type(`fpath=(${COMPLETIONS} $fpath); autoload -U compinit; compinit -u -D`);
  shell.type("setopt no_always_last_prompt no_list_ambiguous; unset zle_bracketed_paste");
  shell.type("echo LOAD''ED");
  await shell.seen(/LOADED/);
  return shell;
}

/** It wants a terminal that is its own. */
async function openFish(bin?: string): Promise<Shell> {
  const shell = new Shell(["setsid", "-cw", "fish", "--no-config", "-i"], { PATH: PATH(bin) });
  shell.type(`source ${COMPLETIONS}/ctrl-exec.fish; echo LOAD""ED`);
  await shell.seen(/LOADED/);
  return shell;
}

describe.each([
  ["bash", openBash],
  ["zsh", openZsh],
  ["fish", openFish],
] as const)("T78 %s", (_, open) => {
  test("types nothing that an agent claims and a shell would obey", async () => {
    // What a program could say that took every claim: the shell's own part holds it all the same.
    folder.script(
      "hostile/ctrl-exec",
      `[ "$1" != complete ] || exec cat ${folder.join("word")}
printf '%s\\n' "$*" >${folder.join("got")}; echo DO''NE`,
    );
    using shell = await open("hostile");
    for (const value of HOSTILE) {
      folder.write("word", `@evil=${value}\n`);
      shell.clear();
      shell.type("ctrl-exec ping @evil=\t");
      await shell.seen(/DONE/);
      expect(readFileSync(folder.join("got"), "utf8")).toBe(`ping @evil=${value}\n`);
    }
    expect(folder.has("pwned")).toBe(false);
  });
});

describe.each([
  ["bash", openBash],
  ["zsh", openZsh],
] as const)("%s", (_, open) => {
  let shell: Awaited<ReturnType<typeof open>>;
  beforeAll(async () => {
    shell = await open();
  });
  afterAll(() => shell[Symbol.dispose]());

  test("completes modes, options, hosts and scripts", async () => {
    await shell.press("ctrl-exec pairing-m", /pairing-mode/);
    const modes = await shell.press("ctrl-exec ", /setup-ca/);
    for (const mode of ["run", "ping", "list-agents", "approve", "asset"]) {
      expect(modes).toContain(mode);
    }
    expect(modes).not.toContain("complete");
    const options = await shell.press("ctrl-exec run --", /--username/);
    expect(options).toContain("--json");
    expect(options).not.toContain("--agent-port");
    const first = await shell.press("ctrl-exec run ", /web-01/);
    expect(first).toContain("db-01");
    const second = await shell.press("ctrl-exec run --json db-01 ", /backup-mysql/);
    expect(second).not.toContain("deploy-app");
    const third = await shell.press("ctrl-exec run web-01 ", /deploy-app/);
    expect(third).not.toContain("backup-mysql");
    expect(third).not.toContain("no-such-script");
    await shell.press("ctrl-exec ping w", /ping web-01/);
    await shell.press("ctrl-exec ping db-01,w", /ping db-01,web-01/);
  });

  test("completes expressions of hosts and groups", async () => {
    await shell.press("ctrl-exec ping 'db-01&w", /ping 'db-01&web-01/);
    await shell.press("ctrl-exec ping 'x,(w", /ping 'x,\(web-01/);
    await shell.press("ctrl-exec ping '@all!d", /ping '@all!db-01/);
    await shell.press("ctrl-exec ping @st", /ping @stale/);
    await shell.press("ctrl-exec ping @@fr", /ping @@frontends/);
    await shell.press("ctrl-exec ping db-01,@@fr", /ping db-01,@@frontends/);
    await shell.press("ctrl-exec list-groups @@b", /list-groups @@backends/);
    await shell.press("ctrl-exec ping db-01,@exp", /ping db-01,@expiring=/);
    await shell.press("ctrl-exec ping 'web-*' --except d", /--except db-01/);
    await shell.press("ctrl-exec ping '$(echo oh)`echo oh`,d", /oh\)`echo oh`,db-01/);
    await shell.press("ctrl-exec run 'web-*' d", /deploy-app/);
  });

  test("completes tags and versions", async () => {
    await shell.press("ctrl-exec ping @env=pr", /ping @env=production/);
    await shell.press("ctrl-exec ping '@env=production&@ro", /ping '@env=production&@role=/);
    await shell.press("ctrl-exec ping @env=production\\&@role=w", /production\\&@role=web/);
    await shell.press("ctrl-exec ping @role=db,env=pr", /ping @role=db,env=production/);
    await shell.press("ctrl-exec ping @ver", /ping @version\\</);
    await shell.press("ctrl-exec ping '@version<1.0", /ping '@version<1.0.2/);
    await shell.press("ctrl-exec ping @all --except @role=w", /--except @role=web/);
    await shell.press("ctrl-exec run @role=web rep", /run @role=web report/);
    await shell.press("ctrl-exec run web-01 deploy-app --batch 1 --check rep", /--check report/);
  });

  test("completes by the configuration that is named, and what options take", async () => {
    await shell.press("ctrl-exec ping --config other.conf m", /mail-01/);
    await shell.press("ctrl-exec ping --config=other.conf m", /mail-01/);
    await shell.press("ctrl-exec run --username=alice db-01 b", /backup-mysql/);
    await shell.press("ctrl-exec edit-agent web-01 --lookup-by ", /hostname[\s\S]*ip/);
    await shell.press("ctrl-exec edit-agent web-01 --lookup-by=h", /=hostname/);
    await shell.press("ctrl-exec asset ctrl-exec-api.s", /ctrl-exec-api\.service/);
    await shell.press("ctrl-exec run web-01 --config cont", /control\//);
    await shell.press("ctrl-exec run web-01 x -- cont", /control\//);
  });

  test("completes requests, runs and keys of tags", async () => {
    await shell.press("ctrl-exec approve b", /b1b2c3d4e5f60718/);
    const ids = await shell.press("ctrl-exec status ", /a1b2c3d4e5f60718/);
    expect(ids).toMatch(/a1b2c3d4e5f60723\s+a1b2c3d4e5f60722\s+a1b2c3d4e5f60721/);
    expect(ids).not.toContain("b1b2c3d4e5f60718");
    const open = await shell.press("ctrl-exec cancel ", /a1b2c3d4e5f60722/);
    expect(open).toContain("a1b2c3d4e5f60723");
    expect(open).not.toContain("a1b2c3d4e5f60719");
    await shell.press("ctrl-exec pause ", /a1b2c3d4e5f60722/);
    await shell.press("ctrl-exec logs a1b2c3d4e5f60718 d", /db-01/);
    const left = await shell.press("ctrl-exec run deploy-app --resume a", /a1b2c3d4e5f60721/);
    expect(left).not.toContain("a1b2c3d4e5f60719");
    await shell.press("ctrl-exec run x --resume=a1b2c3d4e5f60721", /--resume=a1b2c3d4e5f60721/);
    await shell.press("ctrl-exec ping @failed=a1b2c3d4e5f60719", /@failed=a1b2c3d4e5f60719/);
    const failed = await shell.press("ctrl-exec ping db-01,@failed=", /a1b2c3d4e5f60719/);
    expect(failed).not.toContain("a1b2c3d4e5f60718");
    await shell.press("ctrl-exec list-runs --host w", /--host web-01/);
    await shell.press("ctrl-exec list-runs --script dep", /--script deploy-app/);
    const help = await shell.press("ctrl-exec help r", /rotate-cert/);
    expect(help).toMatch(/\brun\b/);
    await shell.press("ctrl-exec help rot", /help rotate-cert/);
    await shell.press("ctrl-exec token cr", /token create/);
    await shell.press("ctrl-exec token rev", /token revoke/);
    const tokens = await shell.press("ctrl-exec token revoke c", /c1b2c3d4e5f60718/);
    expect(tokens).not.toContain("c1b2c3d4e5f60719");
    await shell.press("ctrl-exec tag web-0", /tag web-01/);
    const tags = await shell.press("ctrl-exec tag web-01 ", /role=/);
    expect(tags).not.toContain("--token");
    await shell.press("ctrl-exec tag web-01 env=pr", /tag web-01 env=production/);
    await shell.press("ctrl-exec run @all deploy-app --per-tag ro", /--per-tag role=/);
    await shell.press("ctrl-exec-agent request-pairing --ca", /--ca-fingerprint/);
    await shell.press("ctrl-exec agent pairing-st", /pairing-status/);
  });
});

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}

describe("fish", () => {
  let asked: Bun.Subprocess<"pipe", "pipe", "inherit">;
  let answers: AsyncGenerator<string, undefined>;

  beforeAll(() => {
    // One that answers them all. Without the dot, it would take the space from a line's end.
    const script = `source ${COMPLETIONS}/ctrl-exec.fish
      while read -l line; complete -C (string sub --end=-1 -- $line); echo; end`;
    asked = Bun.spawn(["fish", "--no-config", "-c", script], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
      cwd: folder.path,
      env: { PATH: PATH(), HOME: folder.path, TERM: "dumb", LC_ALL: "C.UTF-8" },
    });
    answers = linesOf(asked.stdout);
  });
  afterAll(() => asked.kill("SIGKILL"));

  const known = new Map<string, readonly string[]>();

  async function fish(line: string): Promise<readonly string[]> {
    const found = known.get(line) ?? (await complete(line));
    known.set(line, found);
    return found;
  }

  async function complete(line: string): Promise<string[]> {
    asked.stdin.write(`${line}.\n`);
    await asked.stdin.flush();
    const found: string[] = [];
    for (;;) {
      const { done, value } = await answers.next();
      if (done) throw new Error(`fish ended before it had completed ${line}`);
      if (value === "") return found;
      found.push(value.split("\t")[0] ?? "");
    }
  }

  test("completes modes, options, hosts and scripts", async () => {
    expect(await fish("ctrl-exec ")).toEqual(expect.arrayContaining(["run", "ping", "setup-ca"]));
    expect(await fish("ctrl-exec ")).not.toContain("complete");
    expect(await fish("ctrl-exec run --")).toEqual(
      expect.arrayContaining(["--json", "--username"]),
    );
    expect(await fish("ctrl-exec run --")).not.toContain("--agent-port");
    expect(await fish("ctrl-exec run ")).toEqual(expect.arrayContaining(["db-01", "web-01"]));
    expect(await fish("ctrl-exec run --json db-01 ")).toContain("backup-mysql");
    expect(await fish("ctrl-exec run --json db-01 ")).not.toContain("deploy-app");
    expect(await fish("ctrl-exec run web-01 ")).not.toContain("no-such-script");
    expect(await fish("ctrl-exec edit-agent web-01 --lookup-by ")).toEqual(["hostname", "ip"]);
    expect(await fish("ctrl-exec asset ctrl-exec-api.s")).toEqual(["ctrl-exec-api.service"]);
  });

  test("completes requests and tokens", async () => {
    expect(await fish("ctrl-exec approve ")).toEqual(["b1b2c3d4e5f60718"]);
    const words = await fish("ctrl-exec token ");
    expect(words.toSorted()).toEqual(["create", "list", "revoke"]);
    expect(await fish("ctrl-exec token revoke ")).toEqual(["c1b2c3d4e5f60718"]);
    expect(await fish("ctrl-exec token list ")).toEqual([]);
  });

  test("completes runs, each where it can be meant", async () => {
    const runs = ["a1b2c3d4e5f60723", "a1b2c3d4e5f60722", "a1b2c3d4e5f60721"];
    for (const mode of ["status", "wait", "logs"]) {
      expect((await fish(`ctrl-exec ${mode} `)).slice(0, 3)).toEqual(runs);
      expect(await fish(`ctrl-exec ${mode} `)).toContain("a1b2c3d4e5f60718");
    }
    // Of the last one nobody knows whether it has ended.
    expect(await fish("ctrl-exec cancel ")).toEqual([...runs.slice(0, 2), "a1b2c3d4e5f60720"]);
    expect(await fish("ctrl-exec pause ")).toEqual(runs.slice(1, 2));
    expect(await fish("ctrl-exec continue ")).toEqual([]);
    expect(await fish("ctrl-exec status a1b2c3d4e5f60718 ")).toEqual([]);
    expect(await fish("ctrl-exec logs a1b2c3d4e5f60718 ")).toEqual(["db-01", "web-01"]);
    expect(await fish("ctrl-exec run deploy-app --resume ")).toEqual(runs.slice(1));
    expect(await fish("ctrl-exec ping @failed=a1b2c3d4e5f6071")).toEqual([
      "@failed=a1b2c3d4e5f60719",
    ]);
    expect(await fish("ctrl-exec list-runs --host w")).toEqual(["web-01"]);
    expect(await fish("ctrl-exec list-runs --script dep")).toEqual(["deploy-app"]);
  });

  test("completes words of help, tags and their values", async () => {
    expect(await fish("ctrl-exec help r")).toEqual(expect.arrayContaining(["run", "rotate-cert"]));
    expect(await fish("ctrl-exec help run r")).toEqual([]);
    expect(await fish("ctrl-exec tag web")).toEqual(["web-01"]);
    expect(await fish("ctrl-exec tag web-01 ")).toEqual(["env=", "evil=", "role="]);
    expect(await fish("ctrl-exec tag web-01 env=")).toEqual(["env=production", "env=test"]);
    expect(await fish("ctrl-exec tag web-01 evil=")).toEqual([]);
    expect(await fish("ctrl-exec run @all deploy-app --per-tag ro")).toEqual(["role="]);
  });

  test("completes expressions and groups", async () => {
    expect(await fish("ctrl-exec ping db-01,w")).toEqual(["db-01,web-01"]);
    expect(await fish("ctrl-exec ping 'db-01&w")).toEqual(["db-01&web-01"]);
    expect(await fish("ctrl-exec ping db-01,@")).toContain("db-01,@stale");
    expect(await fish("ctrl-exec ping @@")).toEqual(["@@backends", "@@frontends"]);
    expect(await fish("ctrl-exec list-groups @@f")).toEqual(["@@frontends"]);
    expect(await fish("ctrl-exec ping web-01 --except d")).toEqual(["db-01"]);
    expect(await fish("ctrl-exec run 'web-*' ")).toContain("deploy-app");
    expect(await fish("ctrl-exec run 'web-*' ")).not.toContain("backup-mysql");
    expect(await fish("ctrl-exec ping @env=")).toEqual(["@env=production", "@env=test"]);
    expect(await fish("ctrl-exec ping '@env=production&@ro")).toEqual(["@env=production&@role="]);
    expect(await fish("ctrl-exec ping db-01,@role=w")).toEqual(["db-01,@role=web"]);
    expect(await fish("ctrl-exec ping @role=db,env!=pr")).toEqual(["@role=db,env!=production"]);
    expect(await fish("ctrl-exec ping @evil=")).toEqual([]);
    expect(await fish("ctrl-exec ping '@version<1.0")).toEqual(["@version<1.0.2"]);
    expect(await fish("ctrl-exec run @role=web r")).toContain("report");
    expect(await fish("ctrl-exec run web-01 deploy-app --check rep")).toEqual(["report"]);
    expect(await fish("ctrl-exec ping --config other.conf ")).toEqual(["mail-01"]);
    expect(await fish("ctrl-exec ping --config=other.conf ")).toEqual(["mail-01"]);
    expect(await fish("ctrl-exec run web-01 --config cont")).toEqual(["control/"]);
    expect(await fish("ctrl-exec-agent request-pairing --ca")).toEqual(["--ca-fingerprint"]);
    expect(await fish("ctrl-exec run web-01 x -- web")).not.toContain("web-01");
  });
});
