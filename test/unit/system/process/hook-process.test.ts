import { describe, expect, test } from "bun:test";
import { chmodSync, chownSync, closeSync, openSync, readFileSync, symlinkSync } from "node:fs";
import { decideHook, type HookRequest } from "../../../../src/core/hook.ts";
import { runHook } from "../../../../src/system/process/hook-process.ts";
import { TestFolder } from "../../../support/folder.ts";
import { LinkSwapper } from "../../../support/link-swapper.ts";

const REQUEST: HookRequest = {
  action: "run",
  script: "deploy",
  args: ["two words", "$(id)"],
  username: "alice",
  token: "t0ken",
  sourceIp: "10.0.0.5",
  time: new Date("2025-01-15T12:00:00Z"),
};

function ask(file: string, request = REQUEST, timeoutSeconds = 20, readsJson = false) {
  return runHook({ file, timeoutSeconds, readsJson }, request);
}

/** Runs a hook with the given body. */
async function hook(body: string, request = REQUEST, seconds = 20) {
  using folder = new TestFolder();
  return await ask(folder.script("hook", body), request, seconds);
}

test("it gets the request on stdin and in its environment, and not in its arguments", async () => {
  using folder = new TestFolder();
  const file = folder.script(
    "hook",
    `cd "${folder.path}"; cat > in; env > env; echo $# > count; exit 0`,
  );
  expect(await ask(file)).toEqual({ kind: "exited", code: 0 });
  expect(JSON.parse(readFileSync(folder.join("in"), "utf8")) as unknown).toMatchObject({
    action: "run",
    args: ["two words", "$(id)"],
    token: "t0ken",
  });
  const environment = readFileSync(folder.join("env"), "utf8");
  expect(environment).toContain("ENVEXEC_TOKEN=t0ken\n");
  expect(environment).toContain('ENVEXEC_ARGS_JSON=["two words","$(id)"]\n');
  expect(environment).not.toMatch(/^(BUN|NODE|LD)_/m);
  expect(readFileSync(folder.join("count"), "utf8")).toBe("0\n");
});

describe("T24 only exit 0 passes", () => {
  test.each([
    ["exits 1", "exit 1", { kind: "exited", code: 1 }],
    ["exits 3", "exit 3", { kind: "exited", code: 3 }],
    ["exits 255", "exit 255", { kind: "exited", code: 255 }],
    ["is killed", "kill -KILL $$", { kind: "killed", signal: "SIGKILL" }],
    [
      "has no interpreter",
      "#!/no/such/interpreter\n",
      { kind: "not-executable", reason: "ENOENT" },
    ],
  ] as const)("a hook that %s", async (_, body, outcome) => {
    const result = await hook(body);
    expect(result).toEqual(outcome);
    expect(decideHook(result).allowed).toBe(false);
  });

  test.each([
    ["writes megabytes", "head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2; exit 0"],
    ["never reads its input", "exit 0"],
    ["closes its input", "exec 0<&-; exit 0"],
  ])("a hook that %s and exits 0 passes", async (_, body) => {
    const args = ["x".repeat(100_000)];
    expect(await hook(body, { ...REQUEST, args })).toEqual({ kind: "exited", code: 0 });
  });

  test("a hook that hangs is ended, with what it started", async () => {
    const result = await hook("sleep 600 & wait", REQUEST, 1);
    expect(result).toEqual({ kind: "timed-out", seconds: 1 });
    expect(decideHook(result).allowed).toBe(false);
  });

  test("no hook, a folder, or a file that may not run", async () => {
    using folder = new TestFolder();
    for (const file of [
      folder.join("none"),
      folder.path,
      folder.write("plain", "#!/bin/sh\n", 0o644),
    ]) {
      expect(await ask(file)).toEqual({
        kind: "not-executable",
        reason: expect.stringContaining(file),
        remedy: expect.any(String),
      });
    }
  });

  test("one that others can write, itself or a folder above it, is not even asked", async () => {
    using folder = new TestFolder();
    const asked = folder.join("asked");
    const file = folder.script("in/hook", `touch ${asked}; exit 0`);
    for (const path of [file, folder.join("in"), folder.path]) {
      chmodSync(path, 0o775);
      const result = await ask(file);
      expect(result).toEqual({
        kind: "not-trusted",
        problem: `${path} can be written by its group (mode 0775)`,
        remedy: `chmod go-w ${path}`,
      });
      expect(decideHook(result).allowed).toBe(false);
      chmodSync(path, 0o755);
    }
    if (process.getuid?.() === 0) {
      chownSync(file, 12_345, 12_345);
      expect(await ask(file)).toMatchObject({ kind: "not-trusted" });
      chownSync(file, 0, 0);
    }
    expect(folder.has("asked")).toBe(false);
    expect(await ask(file)).toEqual({ kind: "exited", code: 0 });
  });

  test.each([
    ["NUL in an argument", { ...REQUEST, args: ["a\0b"] }, "not-executable"],
    ["NUL in the user's name", { ...REQUEST, username: "root\0" }, "not-executable"],
    ["more than an environment holds", { ...REQUEST, args: ["x".repeat(200_000)] }, "too-long"],
  ])("%s never reaches the hook and never passes", async (_, request, kind) => {
    const result = await hook("exit 0", request);
    expect(result.kind as string).toBe(kind);
    expect(decideHook(result).allowed).toBe(false);
  });
});

describe("T67 a request with a list of hosts that no variable holds", () => {
  const hosts = Array.from({ length: 9000 }, (_, index) => `host-${index}.example.com`);
  const request = { ...REQUEST, hosts };
  const variables = "ENVEXEC_HOSTS";

  test("never reaches a hook that may read the variable", async () => {
    using folder = new TestFolder();
    const file = folder.script("hook", `touch ${folder.join("asked")}; exit 0`);
    expect(await ask(file, request)).toEqual({ kind: "too-long", variables: [variables] });
    expect(folder.has("asked")).toBe(false);
  });

  test("is whole on the standard input of one that says it reads that, and no variable is cut", async () => {
    using folder = new TestFolder();
    const body = `cat > ${folder.join("in")}; env > ${folder.join("env")}`;
    const args = ["x".repeat(140_000)];
    const file = folder.script("hook", body);
    expect(await ask(file, { ...request, args }, 20, true)).toEqual({ kind: "exited", code: 0 });
    const input: unknown = JSON.parse(readFileSync(folder.join("in"), "utf8"));
    expect(input).toMatchObject({ hosts, args });
    const names = [...readFileSync(folder.join("env"), "utf8").matchAll(/^ENVEXEC_[A-Z_]+/gm)];
    expect(names.map(([name]) => name).sort()).toEqual([
      "ENVEXEC_ACTION",
      "ENVEXEC_SCRIPT",
      "ENVEXEC_SOURCE_IP",
      "ENVEXEC_TIMESTAMP",
      "ENVEXEC_TOKEN",
      "ENVEXEC_USERNAME",
    ]);
  });
});

test("T13 what is judged is what is asked: a link that another process swaps meanwhile leads nowhere else", async () => {
  using folder = new TestFolder();
  const refuses = folder.script("refuses", "exit 1");
  const open = folder.script("open", "exit 0");
  // Others could write it, so it is no hook.
  chmodSync(open, 0o777);
  const link = folder.join("hook");
  symlinkSync(refuses, link);
  await using _ = new LinkSwapper(link, [open, refuses]);
  const seen = { asked: 0, refused: 0 };
  while (seen.asked < 150 || seen.refused === 0) {
    const outcome = await ask(link);
    if (outcome.kind === "not-trusted") seen.refused += 1;
    else {
      expect(outcome).toEqual({ kind: "exited", code: 1 });
      seen.asked += 1;
    }
  }
});

describe("T24 a hook that is being written", () => {
  /** It has been tried once when this returns. */
  const askWhileOpen = (folder: TestFolder, body: string) => {
    const file = folder.script("hook", body);
    const writer = openSync(file, "r+");
    return { file, writer, asked: ask(file) };
  };

  test.each([0, 3])("is asked once it is written: %d", async (code) => {
    using folder = new TestFolder();
    const { writer, asked } = askWhileOpen(folder, `exit ${code}`);
    closeSync(writer);
    expect(await asked).toEqual({ kind: "exited", code });
  });

  test("is judged again before it is asked", async () => {
    using folder = new TestFolder();
    const { file, writer, asked } = askWhileOpen(folder, "exit 0");
    chmodSync(file, 0o777);
    closeSync(writer);
    expect((await asked).kind).toBe("not-trusted");
  });

  test("and stays so refuses, and says what it is about", async () => {
    using folder = new TestFolder();
    const { file, writer, asked } = askWhileOpen(folder, "exit 0");
    const outcome = await asked;
    closeSync(writer);
    expect(decideHook(outcome)).toEqual({
      allowed: false,
      reason: "hook-not-executable",
      code: 1,
      broken: true,
      fault: {
        problem: `${file} is being written`,
        remedy: "move a new version there with mv instead, and it is complete at once",
      },
    });
  });
});
