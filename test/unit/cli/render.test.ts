import { describe, expect, test } from "bun:test";
import { paint } from "../../../src/cli/render/colour.ts";
import { showError } from "../../../src/cli/render/error.ts";
import { mayHaveRun } from "../../../src/cli/render/may-have-run.ts";
import { Progress } from "../../../src/cli/render/progress.ts";
import { RunBlocks } from "../../../src/cli/render/run-result.ts";
import { renderColumns, renderTable } from "../../../src/cli/render/table.ts";
import { CtrlExecError, DeniedError, LockedError } from "../../../src/core/errors.ts";
import type { RunResult } from "../../../src/core/run-result.ts";
import { KeptIo } from "../../support/kept-io.ts";

const OWN = { file: "/etc/ctrl-exec/ctrl-exec.conf", pairing_port: 7444 };

const OK: RunResult = {
  host: "web-01",
  script: "deploy",
  exit: 0,
  stdout: "",
  stderr: "",
  rtt: "42ms",
  reqid: "a1b2c3d4e5f60718",
  state: "ended",
};

function rendered(result: Partial<RunResult>, terminal = {}): string {
  return renderedAll([result], terminal);
}

function renderedAll(results: readonly Partial<RunResult>[], terminal = {}): string {
  const kept = new KeptIo(terminal);
  const blocks = new RunBlocks(kept.io, OWN);
  for (const result of results) blocks.show({ ...OK, ...result } as RunResult);
  expect(kept.err).toBe("");
  return kept.out;
}

describe("one host's block (docs/PROTOCOL.md, section 5)", () => {
  test("success", () => {
    expect(rendered({ stdout: "out\n" })).toBe(
      "==> web-01  [OK  exit:0  42ms  req:a1b2c3d4e5f60718]\nout\n",
    );
  });

  test("failure, with stderr after its marker", () => {
    expect(rendered({ exit: 3, stdout: "a\nb", stderr: "c\nd" })).toBe(
      "==> web-01  [FAIL  exit:3  42ms  req:a1b2c3d4e5f60718]\na\nb\n    STDERR: c\n    STDERR: d",
    );
  });

  test("a long output in pieces is shown like a short one", async () => {
    const whole = { stdout: "a\nb", stderr: "c\n\nde\nf" };
    const inPieces = (text: string, length: number) => ({
      *parts() {
        for (let at = 0; at < text.length; at += length) yield text.slice(at, at + length);
      },
    });
    for (const length of [1, 2, 3, 100]) {
      const kept = new KeptIo({});
      const { stdout, stderr } = whole;
      const long = { stdout: inPieces(stdout, length), stderr: inPieces(stderr, length) };
      await new RunBlocks(kept.io, OWN).showAll({ ...OK, ...long } as RunResult);
      expect(kept.out).toBe(rendered(whole));
    }
  });

  test("a header and a marker start a line; after the last output nothing is added", () => {
    const head = "==> web-01  [OK  exit:0  42ms  req:a1b2c3d4e5f60718]\n";
    const bytes = { stdout: "lossy", stdout_b64: Buffer.from([0xff]).toBase64() };
    expect(rendered({ stdout: "a" })).toBe(`${head}a`);
    expect(rendered({ stdout: "a\n\n" })).toBe(`${head}a\n\n`);
    expect(renderedAll([{ stdout: "a" }, { stderr: "b" }, {}])).toBe(
      `${head}a\n${head}    STDERR: b\n${head}`,
    );
    expect(renderedAll([bytes, { stdout: "x" }])).toBe(`${head}\ufffd\n${head}x`);
    expect(rendered({ ...bytes, stderr: "\nx" })).toBe(
      `${head}\ufffd\n    STDERR: \n    STDERR: x`,
    );
  });

  test("a terminal's next line is its own", () => {
    const terminal = { outIsTerminal: true, env: { NO_COLOR: "1" } };
    expect(rendered({ stdout: "a" }, terminal)).toEndWith("]\na\n");
    expect(rendered({ stderr: "a" }, terminal)).toEndWith("]\n    STDERR: a\n");
    expect(rendered({ stdout: "10%\r20%\r\n" }, terminal)).toEndWith("]\n10%^M20%\n");
  });

  test("a host that did not answer, and one that was never asked", () => {
    expect(rendered({ exit: -1, error: "read timeout after 60s", state: "unknown" })).toBe(
      "==> web-01  [FAIL  exit:-1  42ms  req:a1b2c3d4e5f60718]\n    ERROR: read timeout after 60s\n    STATE: unknown: it may have run there, or still be running\n",
    );
    expect(rendered({ exit: -1, error: "no route", state: "never-ran" })).toEndWith(
      "    ERROR: no route\n    STATE: never-ran\n",
    );
    expect(rendered({ exit: 126, error: "script timed out" })).not.toContain("STATE");
  });

  test("T74 hosts that may have run it are named once, with where to look", () => {
    const unknown = { ...OK, exit: -1, state: "unknown", error: "x" } as const;
    const results = [unknown, OK, { ...unknown, host: "db\u001b[2J-01\n==> x" }];
    expect(mayHaveRun(results)).toBe(
      "ctrl-exec: Cannot tell whether deploy ran on web-01, db^[[2J-01 ==> x: no result came\nBefore you run it there again, look for REQID=a1b2c3d4e5f60718 in the agent's log. ACTION=run: it has ended, with that EXIT, or ERROR says more. ACTION=deny: it never ran. Neither: it may still be running.\n",
    );
    expect(mayHaveRun([OK, { ...unknown, state: "never-ran" }])).toBe("");
  });

  test("many hosts that may have run it are folded", () => {
    const results = Array.from({ length: 7 }, (_, index) => {
      const host = index === 6 ? "db" : `web-${index}`;
      return { ...OK, host, exit: -1, state: "unknown", error: "x" } as const;
    });
    expect(mayHaveRun(results)).toContain("whether deploy ran on db, web-[0-5]: no result came\n");
  });

  test("exit 0 with an error is not a success", () => {
    expect(rendered({ error: "x" })).toContain("[FAIL  exit:0");
  });

  test("what was not recorded is not told as dropped, and how to see it is", () => {
    const lost = { stdout_dropped: 3072, stdout_unrecorded: 1024, stderr_dropped: 1 };
    const command = `ctrl-exec logs a1b2c3d4e5f60718 web-01 --stderr`;
    expect(rendered({ ...lost, stderr_unrecorded: 1 })).toMatch(
      new RegExp(
        `    CUT: 2 KiB of stdout dropped\n    CUT: 1 KiB of stdout not recorded. .*\n    CUT: 1 byte of stderr not recorded. While its agent keeps it: ${command}\n`,
      ),
    );
  });

  test("T15 what was cut is said, and by how much", () => {
    expect(rendered({ stdout: "x\n", stdout_dropped: 2048, stderr_dropped: 1 })).toContain(
      "    CUT: 2 KiB of stdout dropped\n    CUT: 1 byte of stderr dropped\nx\n",
    );
  });

  test("a script that still runs, and one that nobody waits for", () => {
    const running = { exit: -1, rtt: "", state: "running" } as const;
    expect(rendered({ ...running, started: "2026-01-15T12:00:00Z" })).toBe(
      "==> web-01  [RUNNING  since:2026-01-15T12:00:00Z  req:a1b2c3d4e5f60718]\n",
    );
    expect(rendered({ ...running, error: "read timeout after 60s" })).toBe(
      [
        "==> web-01  [FAIL  exit:-1  req:a1b2c3d4e5f60718]",
        "    ERROR: read timeout after 60s",
        "    STATE: running",
        "",
      ].join("\n"),
    );
  });

  test("RUNNING with what is wrong: on any terminal, and in any pipe but that of run", () => {
    const left = { ...OK, exit: -1, rtt: "9ms", state: "running", error: "read timeout" } as const;
    const running = "==> web-01  [RUNNING  req:a1b2c3d4e5f60718]\n    ERROR: read timeout\n";
    expect(rendered(left, { outIsTerminal: true, env: { NO_COLOR: "1" } })).toBe(running);
    const kept = new KeptIo();
    new RunBlocks(kept.io, OWN, false, { running: true }).show(left);
    expect(kept.out).toBe(running);
    expect(rendered(left)).toContain("[FAIL  exit:-1  9ms  req:");
  });

  test("where it is asked for, when a script started and ended", () => {
    const kept = new KeptIo();
    const blocks = new RunBlocks(kept.io, OWN, false, { times: true });
    blocks.show({ ...OK, started: "2026-01-15T12:00:00Z", ended: "2026-01-15T12:00:01Z" });
    blocks.show(OK);
    const head = "==> web-01  [OK  exit:0  42ms  req:a1b2c3d4e5f60718]\n";
    const times = "    TIME: started at 2026-01-15T12:00:00Z, ended at 2026-01-15T12:00:01Z\n";
    expect(kept.out).toBe(head + times + head);
  });

  test("on a live screen: what runs is running, and a script that took too long has one cause", () => {
    const kept = new KeptIo({});
    const live = new RunBlocks(kept.io, OWN, true);
    const left = { ...OK, exit: -1, rtt: "", state: "running", error: "read timeout" } as const;
    live.showEnd(left);
    const error = "script timed out after 3s and was ended";
    const late = { ...OK, exit: 126, signal: "SIGTERM", timed_out: true, error } as const;
    live.showEnd(late);
    expect(kept.out.split("\n")).toEqual([
      "==> web-01  [RUNNING  req:a1b2c3d4e5f60718]",
      "    ERROR: read timeout",
      "==> web-01  [FAIL  exit:126  42ms  req:a1b2c3d4e5f60718]",
      `    ERROR: ${error}`,
      "",
    ]);
    expect(rendered(late)).toContain("    ERROR: killed by SIGTERM\n");
  });

  test("a signal", () => {
    expect(rendered({ exit: 126, signal: "SIGKILL" })).toContain("    ERROR: killed by SIGKILL\n");
  });

  test("who asked for its end, also of a script that ended well", () => {
    const cancelled = { exit: 126, signal: "SIGTERM", cancelled: true } as const;
    const told = rendered({ ...cancelled, cancelled_by: "al\u001bice" });
    expect(told).toContain("    ERROR: cancelled by al^[ice (SIGTERM)\n");
    expect(told).not.toContain("killed");
    expect(rendered({ ...cancelled, cancelled_by: "" })).toContain("ERROR: cancelled (SIGTERM)\n");
    expect(rendered({ exit: 0, cancelled: true, cancelled_by: "alice" })).toContain(
      "[OK  exit:0  42ms  req:a1b2c3d4e5f60718]\n    STATE: ended, after it was cancelled by alice\n",
    );
  });

  test("a pipe gets the bytes unchanged", () => {
    const bytes = Buffer.from([0xff, 0x1b, 0x5b, 0x00, 0x0a]);
    const kept = new KeptIo();
    new RunBlocks(kept.io, OWN).show({
      ...OK,
      stdout: "lossy",
      stdout_b64: bytes.toString("base64"),
    });
    expect(kept.bytes.subarray(-bytes.length).equals(bytes)).toBe(true);
    expect(kept.out).not.toContain("lossy");
  });

  test("T29 a terminal gets no control characters of another host", () => {
    const text = rendered(
      { stdout: "\u001b[2Jx\n", stderr: "\u009b1m\n" },
      { outIsTerminal: true, env: { NO_COLOR: "1" } },
    );
    expect(text).toContain("^[[2Jx\n    STDERR: <U+009B>1m\n");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
    expect(text).not.toMatch(/[\u001b\u009b]/);
  });

  test("T29 an error text draws no block of its own", () => {
    const forged = "x\n==> web-02  [OK  exit:0  1ms  req:0000000000000000]";
    for (const result of [
      { exit: -1, error: forged },
      { exit: 126, signal: forged },
    ]) {
      expect(rendered(result).match(/^==>/gm)).toHaveLength(1);
    }
  });
});

describe("a table", () => {
  test("header, rule, rows", () => {
    expect(
      renderTable(
        ["HOST", "IP"],
        [
          ["web-01.example", "10.0.0.1"],
          ["db", ""],
        ],
      ),
    ).toBe(
      ["HOST            IP", "--------------  --------", "web-01.example  10.0.0.1", "db", ""].join(
        "\n",
      ),
    );
  });
  test("without rows it still says what it would show", () => {
    expect(renderTable(["ID", "HOSTNAME"], [])).toBe("ID  HOSTNAME\n--  --------\n");
  });
  test("wide characters take two columns", () => {
    expect(
      renderTable(
        ["A", "B"],
        [
          ["日本", "x"],
          ["abcd", "y"],
        ],
      ),
    ).toContain("日本  x\nabcd  y\n");
  });
  test("T29 a cell is one cell, whatever a host put in it", () => {
    const table = renderTable(["HOST", "VERSION"], [["web-01", "1.0\nweb-02  ok\u001b[2J\t9"]]);
    const [, , row, ...more] = table.split("\n");
    expect(row).toBe("web-01  1.0 web-02  ok^[[2J 9");
    expect(more).toEqual([""]);
  });
  test("columns of a help text", () => {
    expect(
      renderColumns([
        ["--a", "first"],
        ["--long", "second"],
      ]),
    ).toBe("  --a     first\n  --long  second");
  });
});

describe("colour", () => {
  test("only on a terminal", () => {
    expect(paint(new KeptIo().io, "red", "x")).toBe("x");
    expect(paint(new KeptIo({ outIsTerminal: true }).io, "red", "x")).toBe("\u001b[31mx\u001b[0m");
  });
  test.each([
    [{ NO_COLOR: "1" }, false],
    [{ TERM: "dumb" }, false],
    // An empty NO_COLOR is none (https://no-color.org).
    [{ NO_COLOR: "" }, true],
  ])("%j: %p", (env, painted) => {
    const text = paint(new KeptIo({ outIsTerminal: true, env }).io, "green", "x");
    expect(text !== "x").toBe(painted);
  });
});

describe("an error", () => {
  const error = new CtrlExecError("config", "Cannot read f: gone", {
    hint: "Make it",
    cause: "secret",
  });
  test("to a person: the program, the message, the hint on its own line, no cause", () => {
    const kept = new KeptIo();
    showError(kept.io, "ctrl-exec", error, false);
    expect(kept.err).toBe("ctrl-exec: Cannot read f: gone\nMake it\n");
    expect(kept.out).toBe("");
  });

  test("a denial and a lock keep the texts that scripts match", () => {
    const kept = new KeptIo();
    showError(kept.io, "ctrl-exec", new DeniedError("bad credentials", 2), false);
    showError(
      kept.io,
      "ctrl-exec",
      new CtrlExecError("locked", "Locked: already running: h:s"),
      false,
    );
    expect(kept.err).toBe("Denied: bad credentials\nLocked: already running: h:s\n");
  });

  test("with --json a refusal is one line of data", () => {
    const kept = new KeptIo();
    showError(kept.io, "ctrl-exec", new DeniedError("bad credentials", 2), true);
    expect(kept.out).toBe('{"ok":0,"error":"bad credentials","code":2}\n');
  });

  test("the hint is data too, after the members that programs look for", () => {
    const shown = (error: CtrlExecError) => {
      const kept = new KeptIo();
      showError(kept.io, "ctrl-exec", error, true);
      return kept.out;
    };
    expect(shown(new CtrlExecError("not-found", "Cannot find x", { hint: "See: y" }))).toBe(
      '{"ok":0,"error":"Cannot find x","code":1,"hint":"See: y"}\n',
    );
    expect(shown(new LockedError(["h:s"], "list"))).toBe(
      '{"ok":0,"error":"locked","code":4,"conflicts":["h:s"],"hint":"See: list"}\n',
    );
  });

  test("T74 forges no second line", () => {
    const kept = new KeptIo();
    const error = new CtrlExecError("protocol", "it refuses: no\nctrl-exec: Paired.");
    showError(kept.io, "ctrl-exec", error, false);
    expect(kept.err).toBe("ctrl-exec: it refuses: no ctrl-exec: Paired.\n");
  });

  test("T29 holds no control characters for the terminal", () => {
    const kept = new KeptIo();
    showError(
      kept.io,
      "ctrl-exec",
      new CtrlExecError("protocol", "x\u001b[2J", { hint: "\u0007" }),
      false,
    );
    expect(kept.err).toBe("ctrl-exec: x^[[2J\n^G\n");
  });
});

test("a result without a time has no empty column", () => {
  const kept = new KeptIo();
  new RunBlocks(kept.io, OWN).show({ ...OK, rtt: "" });
  expect(kept.out).toMatch(/^==> web-01 {2}\[OK {2}exit:0 {2}req:\w+\]$/m);
});

test("progress is for a terminal alone", () => {
  const kept = new KeptIo();
  const progress = new Progress(kept.io, 2);
  let printed = 0;
  progress.step(() => (printed += 1));
  progress.step(() => (printed += 1));
  progress.end();
  expect(printed).toBe(2);
  expect(kept.err).toBe("");
});
