/** `run` on hosts that answer: what a person and a pipe get to see. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { programPath, runCommand } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { TerminalSession } from "../../support/terminal.ts";

const SAME = 'echo "hello $1"; cat';

let control: ControlHost;
let web: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create();
  const marks = control.folder.join("marks");
  control.folder.write("plain.txt", "not executable\n", 0o644);
  const scripts = {
    greet: 'echo "hello $1"; echo oops >&2',
    mark: `echo ran >>${marks}`,
    fail: "echo almost; exit 3",
    suicide: "echo before; kill -KILL $$",
    bytes: "printf '\\377\\376a\\000b\\200'; printf '\\377e' >&2",
    open: "printf 'no newline'",
    // More than a pipe holds: the program is still writing when its reader leaves.
    lines: "seq 1 100000",
    // 3 MiB on each stream: 0.8 hung at 64 KiB.
    big: "head -c 3145728 /dev/zero | tr '\\0' x; head -c 3145728 /dev/zero | tr '\\0' y >&2",
    wait: `until [ -e ${control.folder.join("go")} ]; do sleep 0.05; done; echo done`,
    c1: "printf 'a\\302\\233b\\342\\200\\256c\\177d\\342\\201\\246'",
    evil: "printf 'a\\033[31mb\\233c\\r\\n'; printf '\\033]0;title\\007' >&2",
  };
  const allowlist = [
    `missing = ${control.folder.join("nowhere.sh")}`,
    `plain = ${control.folder.join("plain.txt")}`,
    `folder = ${control.folder.path}`,
    // One script under many names: a name is locked on a host while it runs there.
    ...Array.from(
      { length: 20 },
      (_, i) => `same-${i} = ${control.folder.script("same.sh", SAME)}`,
    ),
    `lost-shell = ${control.folder.script("lost.sh", "#!/no/such/shell\necho hi\n")}`,
  ];
  web = await control.startAgent("web-01", { scripts, allowlist });
  await control.startAgent("db-01", { scripts: { ...scripts, fail: "echo fine" }, allowlist });
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

const header = (host: string, word: string, exit: number) =>
  `==> ${host} {2}\\[${word} {2}exit:${exit} {2}\\d+ms {2}req:[0-9a-f]{16}\\]\\n`;

test("run shows a block per host and ends 0", async () => {
  const { status, out, err } = await control.run("run", ["web-01", "greet", "--", "a b"]);
  expect(out).toMatch(new RegExp(`^${header("web-01", "OK", 0)}hello a b\\n {4}STDERR: oops\\n$`));
  expect(err).toBe("");
  expect(status).toBe(0);
});

test("several hosts have a block each, and all share the request id", async () => {
  const { status, out } = await control.run("run", ["web-01", "db-01", "greet"]);
  expect(status).toBe(0);
  for (const host of ["web-01", "db-01"]) {
    expect(out.match(new RegExp(header(host, "OK", 0), "g"))).toHaveLength(1);
  }
  const ids = [...out.matchAll(/req:([0-9a-f]{16})/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(1);
  expect(ids).toHaveLength(2);
});

test("one host that fails makes the whole run end 1; the others keep their results", async () => {
  const { status, out } = await control.run("run", ["web-01", "db-01", "fail"]);
  expect(status).toBe(1);
  expect(out).toMatch(new RegExp(`${header("web-01", "FAIL", 3)}almost\\n`));
  expect(out).toMatch(new RegExp(`${header("db-01", "OK", 0)}fine\\n`));
});

test("a script killed by a signal has exit 126, its output and the signal's name", async () => {
  const { status, out } = await control.run("run", ["web-01", "suicide"]);
  expect(status).toBe(1);
  expect(out).toMatch(
    new RegExp(`${header("web-01", "FAIL", 126)} {4}ERROR: killed by SIGKILL\\nbefore\\n`),
  );
});

test.each([
  ["missing", 126, /cannot execute \/\S+\/nowhere\.sh: no such file/],
  ["plain", 126, /cannot execute \/\S+\/plain\.txt: it is not executable/],
  ["folder", 126, /cannot execute \/\S+: it is not executable/],
  ["lost-shell", 126, /cannot execute \/\S+\/lost\.sh: .*interpreter is missing/],
  ["unlisted", -1, /script not permitted/],
])("a script that cannot run (%s) says why", async (script, exit, reason) => {
  const { status, out } = await control.run("run", ["web-01", script]);
  expect(status).toBe(1);
  expect(out).toMatch(new RegExp(`^${header("web-01", "FAIL", exit)} {4}ERROR: ${reason.source}`));
});

test.each([
  ["the same name", ["web-01", "web-01"]],
  ["another spelling", ["web-01", "WEB-01"]],
  ["another port", ["web-01", "web-01:7450"]],
])("a host that is given twice is refused before anything runs: %s", async (_, hosts) => {
  const { status, err } = await control.run("run", [...hosts, "mark"]);
  expect(status).toBe(2);
  expect(err).toMatch(/^ctrl-exec: .*web-01 is given twice/i);
  expect(existsSync(control.folder.join("marks"))).toBe(false);
});

/** Each as it stands in the agent's log. */
const IMPOSSIBLE_NAMES = [
  ["a;b", "a;b"],
  ["a b", '"a b"'],
  ["", '""'],
  ["../..", "../.."],
  ["../etc/passwd", "../etc/passwd"],
  ["/bin/sh", "/bin/sh"],
  ["é\u00a0", '"é\u00a0"'],
  ["s".repeat(129), "s".repeat(129)],
  ["s".repeat(255), "s".repeat(255)],
] as const;

test.each(IMPOSSIBLE_NAMES)(
  "%j, which no allowlist can hold, is refused by each host",
  async (script, logged) => {
    const { status, out, err } = await control.run("run", ["web-01", "db-01", script]);
    expect(err).toBe("");
    const named = /^[\w-]+$/.test(script) ? script : "it";
    for (const host of ["web-01", "db-01"]) {
      expect(out).toMatch(
        new RegExp(
          `${header(host, "FAIL", -1)} {4}ERROR: script not permitted: list ${named} in that host's scripts\\.conf and reload the agent there;`,
        ),
      );
    }
    expect(status).toBe(1);
    const reqid = /req:([0-9a-f]{16})/.exec(out)?.[1] ?? "";
    const denied = `ACTION=deny PEER=127.0.0.1 REQID=${reqid} SCRIPT=${logged}`;
    await until("the agent's log has it", () => web.serving.err.includes(`${denied}\n`));
    const record = await control.run("status", [reqid, "--json"]);
    expect(JSON.parse(record.out)).toMatchObject({ script, complete: true, pending: [] });
    const actions = control.log.lines
      .filter(({ fields }) => fields.REQID === reqid)
      .map(({ action }) => action);
    expect(actions).toEqual(expect.arrayContaining(["dispatch", "run"]));
    expect((await control.mustRun("list-locks", ["--json"])).out).toBe("[]\n");
  },
);

test.each([
  ["a newline", "a\nACTION=run EXIT=0"],
  ["an escape", "a\u001b[31m"],
  ["a control of C1", "a\u0085b"],
  ["text from right to left", "é\u202e"],
  ["a hidden blank", "a\u200bb"],
  ["a line separator", "a\u2028b"],
  ["256 bytes", "s".repeat(256)],
  ["256 bytes in 128 characters", "é".repeat(128)],
  ["100,000 bytes", "s".repeat(100_000)],
])(
  "T26 no host is asked for a name with %s, and each has the result that it would give",
  async (_, script) => {
    const { status, out, err } = await control.run("run", ["web-01", "db-01", script, "--json"]);
    expect([status, err]).toEqual([1, ""]);
    const results = ["web-01", "db-01"].map((host) => {
      return { host, script, exit: -1, state: "never-ran", error: "script not permitted" };
    });
    const reported = JSON.parse(out).results;
    expect(reported).toMatchObject(results);
    const { reqid } = reported[0];
    const record = await control.run("status", [reqid, "--json"]);
    expect(JSON.parse(record.out)).toMatchObject({ script, complete: true, results });
    const told = control.log.lines.filter(({ fields }) => fields.REQID === reqid);
    expect(told.map(({ action }) => action)).toEqual(["dispatch", "run", "run"]);
    expect(told.at(-1)?.fields).toMatchObject({
      ERROR: "script not permitted",
      TARGET: expect.any(String),
    });
    // A request that comes afterwards is there, and this one is not.
    const after = await control.run("run", ["web-01", "none", "--json"]);
    const [{ reqid: next }] = JSON.parse(after.out).results;
    await until("the agent's log has the next", () => web.serving.err.includes(`REQID=${next}`));
    expect(web.serving.err).not.toContain(reqid);
  },
);

test("--json has the name as it was typed", async () => {
  const { status, out } = await control.run("run", ["web-01", "a;b", "--json"]);
  expect(out).toMatch(
    /^{"ok":1,"results":\[{"host":"web-01","script":"a;b","exit":-1,"stdout":"","stderr":"",.*"error":"script not permitted"/,
  );
  expect(status).toBe(1);
});

describe("a forgotten --", () => {
  const meant = (script: string, line: string) =>
    `${script} was read as a host. If it is the script, its arguments go after --: ctrl-exec run ${line}\n`;

  test("is named when no host permits the script", async () => {
    const { status, out, err } = await control.run("run", ["web-01", "greet", "a b"]);
    expect(err).toBe(meant("greet", "web-01 greet -- 'a b'"));
    expect(out).toContain("ERROR: script not permitted");
    expect(status).toBe(1);
  });

  test("is named when its argument is a script too, and the other has run there before", async () => {
    await control.mustRun("run", ["web-01", "greet"]);
    const { status, out, err } = await control.run("run", ["web-01", "greet", "open"]);
    expect(out).toContain("no newline");
    expect(err).toBe(meant("greet", "web-01 greet -- open"));
    expect(status).toBe(1);
  });

  test("is named when one of the words cannot be a host", async () => {
    const { status, out, err } = await control.run("run", ["web-01", "greet", "a=b", "c"]);
    expect([status, out]).toEqual([2, ""]);
    expect(err).toEndWith(`\n${meant("greet", "web-01 greet -- a=b c")}`);
  });

  test.each([
    ["is not looked for in data", ["web-01", "greet", "nothing", "--json"]],
    ["is none where one stands", ["web-01", "greet", "nothing", "--", "x"]],
    ["is none where every host is registered", ["web-01", "db-01", "nothing"]],
  ])("%s", async (_, words) => {
    const { status, err } = await control.run("run", words);
    expect([status, err]).toEqual([1, ""]);
  });

  test.each(["--databse", "--force"])("is named of an option: %s", async (option) => {
    const { status, err } = await control.run("run", ["db-01", "greet", option]);
    expect(status).toBe(2);
    expect(err).toEndWith(" (the script's own options go after --)\nSee: ctrl-exec run --help\n");
    const known = await control.run("run", ["db-01", "greet", option, "--", "x"]);
    expect(known.status).toBe(2);
    expect(known.err).not.toContain("the script's own");
    const pinged = await control.run("ping", ["db-01", option]);
    expect(pinged.err).not.toContain("the script's own");
  });
});

test("more than 500 hosts are refused before any is dialled", async () => {
  const hosts = Array.from({ length: 501 }, (_, index) => `host-${index}`);
  const { status, err } = await control.run("run", [...hosts, "greet"]);
  expect(status).toBe(2);
  expect(err).toContain("501 hosts given; at most 500 at once");
});

test("output that is not UTF-8 reaches a pipe byte for byte", async () => {
  const { status, bytes } = await control.run("run", ["web-01", "bytes"]);
  expect(status).toBe(0);
  const end = bytes.indexOf(10) + 1;
  expect(Buffer.from(bytes.subarray(end)).toString("latin1")).toBe(
    "\xff\xfea\0b\x80\n    STDERR: \xffe",
  );
});

test("nothing is added after the last output, and every header starts a line", async () => {
  const { out } = await control.run("run", ["web-01", "open"]);
  expect(out).toMatch(/\]\nno newline$/);
  const both = await control.run("run", ["web-01", "db-01", "open"]);
  expect(both.out.split("\n")).toEqual([
    expect.stringMatching(/^==> /),
    "no newline",
    expect.stringMatching(/^==> /),
    "no newline",
  ]);
  const reqid = /req:([0-9a-f]{16})/.exec(both.out)?.[1] ?? "";
  const recorded = await control.run("status", [reqid]);
  expect(recorded.out.match(/^==> /gm)).toHaveLength(2);
  expect(recorded.out).toEndWith("\nno newline");
});

test("megabytes on both streams arrive whole", async () => {
  const { status, out } = await control.run("run", ["web-01", "big", "--json"]);
  expect(status).toBe(0);
  const [result] = JSON.parse(out).results;
  expect(result.stdout.length).toBe(3_145_728);
  expect(result.stderr.length).toBe(3_145_728);
});

test("T74 of another host's escapes a terminal gets colours alone", async () => {
  const session = new TerminalSession("ctrl-exec", control.withSetting(["run", "web-01", "evil"]));
  expect(await session.ended()).toBe(0);
  expect(session.screen).toContain("a\u001b[31mb\ufffdc\r\n");
  expect(session.screen).toContain("^[]0;title^G");
  for (const control of ["\u001b", "\u0007", "\u009b"]) {
    expect(session.plain).not.toContain(control);
  }
});

test("T74 --json on a terminal has nothing raw that it obeys, and says the same", async () => {
  const args = control.withSetting(["run", "web-01", "c1", "--json"]);
  const session = new TerminalSession("ctrl-exec", args, { NO_COLOR: "1" });
  expect(await session.ended()).toBe(0);
  expect(session.screen).toContain('"stdout":"a\\u009bb\\u202ec\\u007fd\\u2066"');
  expect(session.screen).not.toMatch(/[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
  const { out } = await control.mustRun("run", ["web-01", "c1", "--json"]);
  expect(out).toMatch(/^{"ok":1,"results":\[{"host":"web-01",.*}\]}\n$/);
  expect(JSON.parse(out).results[0].stdout).toBe("a\u009bb\u202ec\u007fd\u2066");
});

test("NO_COLOR leaves the screen without colours", async () => {
  const args = control.withSetting(["run", "web-01", "greet"]);
  const session = new TerminalSession("ctrl-exec", args, { NO_COLOR: "1" });
  expect(await session.ended()).toBe(0);
  expect(session.screen).toMatch(/==> web-01 {2}\[OK/);
  expect(session.screen).not.toContain("\u001b");
});

test("a reader that has seen enough ends the program quietly", async () => {
  const args = control.withSetting(["run", "web-01", "lines"]);
  const { out, err } = await runCommand([
    "sh",
    "-c",
    '{ "$@"; echo "status $?" >&2; } | head -n 1',
    "sh",
    programPath("ctrl-exec"),
    ...args,
  ]);
  expect(out).toMatch(/^==> web-01 {2}\[OK/);
  expect(err).toBe("status 141\n");
});

test("progress is cut to the terminal's width, so that one line can be wiped again", async () => {
  const args = control.withSetting(["run", "web-01", "db-01:1", "wait"]);
  const session = new TerminalSession("ctrl-exec", args, {}, 20);
  await session.seen(/1\/2, 1 never-ran/);
  session.type("\u0003");
  expect(await session.ended()).toBe(130);
  expect(session.screen).not.toContain("slowest");
  // It runs on, and would keep its script locked.
  const reqid = control.log.of("dispatch").at(-1)?.fields.REQID ?? "";
  expect((await control.run("cancel", [reqid, "web-01"])).out).toBe("web-01: ended\n");
});

test("while hosts are outstanding a terminal shows progress; Ctrl-C leaves, the script goes on", async () => {
  const args = ["run", "web-01", "db-01:1", "wait", "--config", control.config, "--log=stderr"];
  const session = new TerminalSession("ctrl-exec", args);
  await session.seen(/db-01 {2}\[.*FAIL/);
  await session.seen(/1 of 2 done, 1 never-ran, 1 out, \ds; slowest: web-01/);
  session.type("\u0003");
  expect(await session.ended()).toBe(130);
  // The log's line takes the place of the progress.
  const lines = session.screen.split("\n").filter((line) => line.includes("]: ACTION="));
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) {
    expect(line.split("\r\u001b[K").at(-1)).toMatch(/^ctrl-exec\[\d+\]: /);
  }
  control.folder.write("go", "");
  await web.serving.seen(/ACTION=run EXIT=0 PEER=127\.0\.0\.1 REQID=[0-9a-f]{16} SCRIPT=wait/);
});

test("T18 twenty runs at once share nothing", async () => {
  const one = async (index: number) => {
    const word = `word-${index}-${"x".repeat(index * 100)}`;
    const args = ["web-01", `same-${index}`, "--json", `--username=user-${index}`, "--", word];
    const { status, out } = await control.run("run", args);
    expect(status).toBe(0);
    const [result] = JSON.parse(out).results;
    const [hello, context = ""] = result.stdout.split("\n");
    expect(hello).toBe(`hello ${word}`);
    const expected = { args: [word], username: `user-${index}`, reqid: result.reqid };
    expect(JSON.parse(context)).toMatchObject(expected);
    return result.reqid as string;
  };
  const ids = await Promise.all(Array.from({ length: 20 }, (_, index) => one(index)));
  expect(new Set(ids).size).toBe(20);
  await until("the log has all runs", () =>
    ids.every((id) => control.log.of("run").some(({ fields }) => fields.REQID === id)),
  );
});
