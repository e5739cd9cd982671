import { afterEach, describe, expect, jest, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Captured } from "../../../../src/system/process/capture.ts";
import { type ProcessRequest, runProcess } from "../../../../src/system/process/run-process.ts";
import { baseEnvironment } from "../../../../src/system/process/start-program.ts";
import { TestFolder, until } from "../../../support/folder.ts";

afterEach(() => void jest.useRealTimers());

const DEFAULTS = {
  args: [],
  env: baseEnvironment(),
  input: "",
  maxOutput: 2 ** 20,
} satisfies Partial<ProcessRequest>;

const run = (request: Partial<ProcessRequest> & { readonly file: string }) =>
  runProcess({ ...DEFAULTS, ...request });

const shell = (script: string, request: Partial<ProcessRequest> = {}) =>
  run({ file: "/bin/sh", args: ["-c", script, "sh"], ...request });

const bytes = ({ chunks }: Captured) => Buffer.concat(chunks);
const text = (captured: Captured) => bytes(captured).toString("utf8");

describe("how it ended, as data", () => {
  test.each([0, 1, 3, 126, 255])("exit %d", async (code) => {
    const result = await shell(`exit ${code}`);
    expect(result).toMatchObject({ exit: code, signal: undefined, timedOut: false });
  });

  test("a signal", async () => {
    expect(await shell("kill -KILL $$")).toMatchObject({ exit: undefined, signal: "SIGKILL" });
    expect(await shell("kill -TERM $$")).toMatchObject({ exit: undefined, signal: "SIGTERM" });
  });

  test("stdout and stderr apart", async () => {
    const result = await shell("echo out; echo err >&2");
    expect(text(result.stdout)).toBe("out\n");
    expect(text(result.stderr)).toBe("err\n");
  });
});

describe("what cannot be started", () => {
  test.each([
    ["no such file", "missing", "ENOENT"],
    ["not executable", "plain", "EACCES"],
    ["a folder", "folder", "EACCES"],
    ["no interpreter line", "bare", "ENOEXEC"],
    ["an interpreter that is not there", "orphan", "ENOENT"],
  ])("%s", async (_, name, code) => {
    using folder = new TestFolder();
    folder.write("plain", "#!/bin/sh\nexit 0\n", 0o644);
    folder.write("folder/file", "");
    folder.write("bare", "touch ran\n", 0o755);
    folder.write("orphan", "#!/no/such/interpreter\n", 0o755);
    const result = await run({ file: folder.join(name) });
    expect(result).toMatchObject({ exit: undefined, startError: code });
    expect(bytes(result.stdout)).toHaveLength(0);
  });
});

describe("T11 arguments arrive byte for byte, or nothing runs", () => {
  const printArguments = 'for arg in "$@"; do printf "%s\\0" "$arg"; done';
  test.each([
    ["spaces", ["a b", " ", ""]],
    ["quotes", [`it's "quoted"`, "\\", "'; exit 9; '"]],
    ["what a shell would run", ["$(exit 9)", "`exit 9`", "$HOME", "*", "~", ";", "&", "|", ">x"]],
    ["leading dashes", ["-n", "--", "-e", "--help"]],
    ["newlines and control bytes", ["a\nb\r\t", "\u0001\u007f\u001b[2J"]],
    ["every language", ["Zoë", "日本", "\u{1f600}", "\ufffd", "\ufeff"]],
    ["131071 bytes, the longest that Linux takes", ["x".repeat(131_071)]],
  ])("%s", async (_, args) => {
    const result = await shell(printArguments, { args: ["-c", printArguments, "sh", ...args] });
    expect(result.exit).toBe(0);
    expect(text(result.stdout)).toBe(args.map((arg) => `${arg}\0`).join(""));
  });

  test.each([
    ["NUL", ["a\0b"]],
    ["NUL at the end", ["a\0"]],
    ["a byte too many", ["x".repeat(131_072)]],
  ])("%s is refused before anything runs", async (_, args) => {
    using folder = new TestFolder();
    const file = folder.script("s", `touch "${folder.join("ran")}"`);
    const result = await run({ file, args });
    expect(result.startError).toBeDefined();
    expect(existsSync(folder.join("ran"))).toBe(false);
  });
});

test("T12 the environment is what is given, and nothing is inherited", async () => {
  const result = await run({ file: "/usr/bin/env", env: { A: "1", ENVEXEC_ARGS: "two words\n" } });
  expect(text(result.stdout)).toBe("A=1\nENVEXEC_ARGS=two words\n\n");
});

test("T12 the environment that everything starts from", () => {
  const environment = baseEnvironment();
  expect(Object.keys(environment).sort()).toEqual([
    "HOME",
    "LANG",
    "LOGNAME",
    "PATH",
    "SHELL",
    "USER",
  ]);
  const [name, home] = (
    readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .map((line) => line.split(":"))
      .find(([, , id]) => id === String(process.getuid?.())) ?? [
      String(process.getuid?.()),
      "",
      "",
      "",
      "",
      "/",
    ]
  ).flatMap((value, index) => (index === 0 || index === 5 ? [value] : []));
  expect(environment).toMatchObject({ USER: name, LOGNAME: name, HOME: home });
});

describe("its streams", () => {
  test("open by name, as scripts do", async () => {
    const script = "cat /dev/stdin; echo out > /dev/stdout; echo err > /dev/stderr";
    const result = await shell(script, { input: "in\n" });
    expect(text(result.stdout)).toBe("in\nout\n");
    expect(text(result.stderr)).toBe("err\n");
    expect(result.exit).toBe(0);
  });

  test("there are three, and no other descriptor of ours", async () => {
    const result = await shell("ls /proc/self/fd");
    // The fourth is the folder that ls reads.
    expect(text(result.stdout)).toBe("0\n1\n2\n3\n");
  });

  test.each([0, 1, 4095, 4096, 4097, 65_537, 1_048_576])(
    "input of %d bytes comes back whole, with its end",
    async (bytes) => {
      const input = "0123456789abcd\u00e9"
        .repeat(bytes / 16)
        .padEnd(bytes - Math.floor(bytes / 16), "x");
      expect(Buffer.byteLength(input)).toBe(bytes);
      const result = await shell("exec cat", { input });
      expect(text(result.stdout)).toBe(input);
    },
  );

  test("input that is left unread is reported, and the process goes on", async () => {
    using folder = new TestFolder();
    const go = folder.join("go");
    const result = await shell(`while ! test -e ${go}; do sleep 0.01; done; wc -c`, {
      input: "x".repeat(200_000),
      inputStalled: { afterMs: 20, report: () => void folder.write("go", "") },
    });
    expect(text(result.stdout).trim()).toBe("200000");
  });

  test("bytes that are not UTF-8 arrive as they are", async () => {
    const result = await shell("printf '\\377\\000\\376'");
    expect([...bytes(result.stdout)]).toEqual([255, 0, 254]);
  });

  test("T15 what goes beyond the limit is read, dropped and counted", async () => {
    const result = await shell("head -c 3000000 /dev/zero; head -c 100 /dev/zero >&2", {
      maxOutput: 1000,
    });
    expect(bytes(result.stdout)).toHaveLength(1000);
    expect(result.stdout.dropped).toBe(2_999_000);
    expect(result.stderr).toMatchObject({ dropped: 0 });
    expect(result.exit).toBe(0);
  });
});

describe("T14 however a script treats its streams", () => {
  const much = "x".repeat(1_000_000);
  test.each([
    ["never reads its input", "echo done"],
    ["closes its input", "exec 0<&-; echo done"],
    ["reads one byte of it", "head -c 1 >/dev/null; echo done"],
    ["closes all its streams but one", "exec 0<&- 2>&-; echo done"],
  ])("%s: it ends well", async (_, script) => {
    for (const input of ["{}", much]) {
      const result = await shell(script, { input });
      expect(result).toMatchObject({ exit: 0, signal: undefined });
      expect(text(result.stdout)).toBe("done\n");
    }
  });

  test("a child that holds its input open and never reads it holds nothing of ours", async () => {
    const before = readdirSync("/proc/self/fd").length;
    // A shell gives a background command /dev/null unless it is told otherwise.
    const script = "exec 3<&0; sleep 600 <&3 >/dev/null 2>&1 & echo $!";
    const result = await shell(script, { input: much });
    expect(result.exit).toBe(0);
    await until("the pipe is closed", () => readdirSync("/proc/self/fd").length <= before);
    process.kill(Number(text(result.stdout)), "SIGKILL");
  });

  test("it closes its output and goes on", async () => {
    expect(await shell("exec 1>&- 2>&-; exit 5")).toMatchObject({ exit: 5 });
  });

  test("a child that holds its output open does not hold us", async () => {
    using folder = new TestFolder();
    const pid = folder.join("pid");
    const result = await shell(`sleep 600 & echo $! > "${pid}"; echo done`);
    process.kill(Number(readFileSync(pid, "utf8")), "SIGKILL");
    expect(text(result.stdout)).toBe("done\n");
    expect(result.exit).toBe(0);
  });

  test("a daemon of its own session goes on when the script has ended", async () => {
    using folder = new TestFolder();
    const pid = folder.join("pid");
    const result = await shell(
      `setsid sh -c 'echo $$ > "${pid}"; exec sleep 600' & while ! [ -s "${pid}" ]; do sleep 0.01; done`,
    );
    expect(result.exit).toBe(0);
    expect(process.kill(Number(readFileSync(pid, "utf8")), "SIGKILL")).toBe(true);
  });

  test("no descriptor is left, however it went", async () => {
    const open = () => readdirSync("/proc/self/fd").length;
    await shell("true");
    const before = open();
    await Promise.all([
      ...["exit 1", "cat", "kill -9 $$", "exec 0<&- 1>&- 2>&-"].map((script) =>
        Promise.all([shell(script, { input: much }), shell(script, { input: "{}" })]),
      ),
      run({ file: "/no/such/file" }),
      run({ file: "/bin/true", args: ["\0"] }),
    ]);
    await until("every descriptor is closed", () => open() <= before);
  });
});

describe("a time-out", () => {
  test("ends the script and what it started", async () => {
    using folder = new TestFolder();
    const pid = folder.join("pid");
    // The child takes no notice of TERM.
    const script = `(trap '' TERM; exec sleep 600) & echo $! > "${pid}"; echo begun; wait`;
    const result = await shell(script, { timeoutMs: 1000 });
    expect(result).toMatchObject({ exit: undefined, signal: "SIGTERM", timedOut: true });
    expect(text(result.stdout)).toBe("begun\n");
    const child = Number(readFileSync(pid, "utf8"));
    await until("the child is gone", () => {
      const state = stateOf(child);
      return state === undefined || state === "Z";
    });
  });

  test("is over with the script: nothing is killed later that may have its number by then", async () => {
    jest.useFakeTimers();
    const result = shell("exec sleep 600", { timeoutMs: 1000 });
    jest.advanceTimersByTime(1000);
    expect(await result).toMatchObject({ signal: "SIGTERM", timedOut: true });
    expect(jest.getTimerCount()).toBe(0);
  });

  test("that is not reached changes nothing, also for what goes on", async () => {
    // Long enough for a busy host.
    const timeoutMs = 500;
    const result = await shell("sleep 600 >/dev/null 2>&1 & echo $!; exit 4", { timeoutMs });
    expect(result).toMatchObject({ exit: 4, timedOut: false });
    await Bun.sleep(timeoutMs);
    const child = Number(text(result.stdout));
    expect(stateOf(child)).toBe("S");
    process.kill(child, "SIGKILL");
  });
});

/** The state letter of a process; undefined when there is none. */
function stateOf(pid: number): string | undefined {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

test("T18 many at once keep their input and output apart", async () => {
  const results = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      shell("cat; echo $0 >&2", {
        args: ["-c", "cat; echo $1 >&2", "sh", `e${index}`],
        input: `i${index}\n`.repeat(1000),
      }),
    ),
  );
  for (const [index, result] of results.entries()) {
    expect(text(result.stdout)).toBe(`i${index}\n`.repeat(1000));
    expect(text(result.stderr)).toBe(`e${index}\n`);
  }
});

test("it starts in the root folder, in a session of its own", async () => {
  const result = await shell(
    'pwd; read -r _ _ _ _ group session _ < /proc/$$/stat; echo "$$ $group $session"',
  );
  const [folder, ids = ""] = text(result.stdout).split("\n");
  expect(folder).toBe("/");
  const [pid, group, session] = ids.split(" ");
  expect([group, session] as unknown).toEqual([pid, pid]);
});

test("T65 without descriptors for it nothing starts, nothing is left open, and the next one starts", async () => {
  using folder = new TestFolder();
  const module = JSON.stringify(
    join(import.meta.dir, "../../../../src/system/process/run-process.ts"),
  );
  const code = `
    const { openSync, closeSync, readdirSync } = await import("node:fs");
    const { runProcess } = await import(${module});
    const run = (name) => runProcess({ file: "/usr/bin/touch", args: [${JSON.stringify(folder.path)} + "/" + name],
      env: {}, input: "x", maxOutput: 100 });
    await run("first");
    const open = readdirSync("/proc/self/fd").length;
    for (let free = 0; free < 10; free++) {
      const held = [];
      try { for (;;) held.push(openSync("/dev/null", "r")); } catch {}
      for (const one of held.splice(0, free)) closeSync(one);
      const { startError } = await run("free-" + free);
      for (const one of held) closeSync(one);
      const left = () => readdirSync("/proc/self/fd").length - open;
      // A run's own descriptors may be closed a moment after its end.
      for (let turn = 0; turn < 200 && left() > 0; turn++) await Bun.sleep(10);
      console.log(free, startError ?? "ran", left());
    }`;
  const command = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", process.execPath, "-e", code];
  const { stdout } = Bun.spawnSync(command);
  const lines = stdout.toString().trimEnd().split("\n");
  expect(lines).toHaveLength(10);
  for (const line of lines) {
    const [free, outcome, left] = line.split(" ");
    // What the first run still had to close may be gone by now.
    expect(Number(left), line).toBeLessThanOrEqual(0);
    expect([line, folder.has(`free-${free}`)]).toEqual([line, outcome === "ran"]);
    expect(outcome).toBeOneOf(["ran", "EMFILE"]);
  }
  expect(lines[0]).toContain("EMFILE");
  expect(lines[8]).toContain("ran");
});
