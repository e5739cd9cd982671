/** Many results at once, on real terminals and pipes; each agent prints what a test dictates, when it does. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { type StreamedRun, StreamingAgents } from "../../support/streaming-agents.ts";
import { TerminalSession } from "../../support/terminal.ts";

let control: ControlHost;
let agent: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create();
  agent = await control.addAgent("web-01");
  await agent.pair();
});

afterAll(async () => await control[Symbol.asyncDispose]());

/** The addresses of so many hosts. */
function addresses(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    return `127.0.${Math.floor(index / 200) + 1}.${(index % 200) + 1}`;
  });
}

/** @param options of run */
function order(count: number, options: readonly string[] = []): string[] {
  return [...addresses(count), "deploy", `--port=${agent.port}`, ...options];
}

const onTerminal = (mode: string, args: readonly string[], cols = 80) =>
  new TerminalSession("ctrl-exec", control.withSetting([mode, ...args]), { NO_COLOR: "1" }, cols);

/** Ends at once: the last of them fails, and the one before prints something else. */
function playOf(count: number): (address: string, run: StreamedRun) => void {
  const hosts = addresses(count);
  return (address, run) => {
    const at = hosts.indexOf(address);
    run.print(`one\ntwo\n${at === count - 2 ? "other" : "three"}\n`);
    if (at === count - 1) run.print("disk full\n", "stderr");
    run.end({ exit: at === count - 1 ? 3 : 0 });
  };
}

const REQID = String.raw`req:\w{16}`;
const header = (names: string, exit = 0) =>
  String.raw`==> ${RegExp.escape(names)} {2}\[${exit === 0 ? "OK" : "FAIL"} {2}exit:${exit} {2}[\d-]+ms {2}${REQID}\]`;

/** The blocks of six hosts by playOf(). */
const SIX = [
  `${header("127.0.1.[1-4] (4)")}\none\ntwo\nthree`,
  `${header("127.0.1.5")}\none\ntwo\nother`,
  `${header("127.0.1.6", 3)}\none\ntwo\nthree\n    STDERR: disk full`,
];

describe("on a terminal, of six hosts", () => {
  test("a block for all that are alike at the end; until then who failed, and who is slowest", async () => {
    using agents = await StreamingAgents.start(agent);
    const session = onTerminal("run", order(6));
    const runs = await Promise.all(addresses(6).map((host) => agents.run(host)));
    for (const run of runs) run.print("\u001b[2Jsaid\n");
    runs[4]?.end({ exit: 7 });
    await session.seen(/\n127\.0\.1\.5 failed: exit:7\r\n/);
    await session.seen(/1 of 6 done, 1 failed, 5 out, \d+s; slowest: 127\.0\.1\.\[1-4,6\]/);
    for (const run of runs.slice(1)) if (run !== runs[4]) run.end();
    await session.seen(/5 of 6 done, 1 failed, 1 out, \d+s; slowest: 127\.0\.1\.1/);
    expect(session.screen).not.toContain("==> ");
    runs[0]?.end();
    expect(await session.ended()).toBe(1);
    const screen = session.screen.replaceAll("\r\n", "\n");
    expect(screen).toMatch(
      new RegExp(
        `${header("127.0.1.[1-4,6] (5)")}\n\\^\\[\\[2Jsaid\n${header("127.0.1.5", 7)}\n\\^\\[\\[2Jsaid\n6 hosts: 5 ok, 1 failed; [\\d.]+m?s; ${REQID}\n$`,
      ),
    );
  });

  test("in 40 columns no line of ours is longer", async () => {
    using _ = await StreamingAgents.start(agent, playOf(6));
    const session = onTerminal("run", order(6), 40);
    expect(await session.ended()).toBe(1);
    const lines = session.screen.replaceAll("\r\n", "\n").split("\n");
    const blocks = lines.filter((line) => /^(==> | {4})/.test(line));
    expect(blocks).toEqual([
      expect.stringMatching(/^==> 127\.0\.1\.\[1-4\] \(4\) {2}\[OK {2}exit:0\]$/),
      expect.stringMatching(/^==> 127\.0\.1\.5 {2}\[OK {2}exit:0 {2}\d+ms\]$/),
      expect.stringMatching(/^==> 127\.0\.1\.6 {2}\[FAIL {2}exit:3 {2}\d+ms\]$/),
      "    STDERR: disk full",
    ]);
    expect(session.screen).toMatch(/6 hosts: 5 ok, 1 failed;\r\n[\d.]+m?s;\r\nreq:\w{16}\r\n$/);
    for (const line of lines)
      expect(line.replace(/^.* failed: /, "").length).toBeLessThanOrEqual(40);
  });

  test("T66 of long outputs too, the summary and the next steps are the last thing on the screen", async () => {
    using _ = await StreamingAgents.start(agent, (address, run) => {
      run.print(`${address}\n`.repeat(3_000));
      run.end({ exit: address === addresses(6)[1] ? 1 : 0 });
    });
    const session = onTerminal("run", order(6, ["--batch=2", "--max-failures=0"]));
    expect(await session.ended()).toBe(3);
    const screen = session.screen.replaceAll("\r\n", "\n");
    expect(screen.slice(screen.lastIndexOf("\n127.0.1.2\n"))).toMatch(
      /^\n127\.0\.1\.2\n6 hosts: [^\n]*\nStopped after batch 1 of 3: 1 host failed\n4 hosts not started\. To go on: [^\n]*\n$/,
    );
  });

  test("--no-live, a pipe and --json have the order and the shape that they ever had", async () => {
    using agents = await StreamingAgents.start(agent);
    const ended = async (pending: Promise<unknown>) => {
      for (const host of addresses(6).toReversed()) {
        const run = await agents.run(host);
        run.print(`${host}\n`);
        run.end();
        // The next one ends when this one is done.
        await run.closed;
      }
      return await pending;
    };
    const blocks = addresses(6)
      .toReversed()
      .map((host) => `${header(host)}\n${RegExp.escape(host)}\n`);
    const piped = control.run("run", order(6));
    await ended(piped);
    expect(await piped).toMatchObject({ status: 0, err: "" });
    expect((await piped).out).toMatch(new RegExp(`^${blocks.join("")}$`));
    const session = onTerminal("run", order(6, ["--no-live"]));
    await ended(session.ended());
    // A slow machine may have drawn progress, and wiped it.
    const lines = session.screen.split("\n").map((line) => line.split("\r\u001b[K").at(-1));
    const screen = lines.join("\n").replaceAll("\r\n", "\n");
    expect(screen).toMatch(new RegExp(`^${blocks.join("")}$`));
    const json = control.run("run", order(6, ["--json"]));
    await ended(json);
    const results = addresses(6).map(
      (host) =>
        `{"host":"${host}","script":"deploy","exit":0,"stdout":"${host}\\n","stderr":"","rtt":"1ms","reqid":"ID","state":"ended","started":"T","ended":"T"}`,
    );
    const plain = (await json).out
      .replaceAll(/"\d+ms"/g, '"1ms"')
      .replaceAll(/"\w{16}"/g, '"ID"')
      .replaceAll(/"2026-[^"]+Z"/g, '"T"');
    expect(plain).toBe(`{"ok":1,"results":[${results.join(",")}]}\n`);
    expect((await json).err).toBe("");
  });
});

/** What `status` says more than `run`. */
const withoutTimes = (out: string) =>
  out.replaceAll(/^ {4}TIME: started at \S+, ended at \S+\n/gm, "");

describe("in a pipe", () => {
  test("--fold, --only failed, --quiet and --diff; status and wait show the same of the record", async () => {
    using _ = await StreamingAgents.start(agent, playOf(6));
    const folded = await control.run("run", order(6, ["--fold"]));
    expect(folded.status).toBe(1);
    expect(folded.out).toMatch(new RegExp(`^${SIX.join("\n")}\n$`));
    const [reqid = ""] = /(?<=req:)\w{16}/.exec(folded.out) ?? [];
    expect(folded.err).toMatch(/^6 hosts: 5 ok, 1 failed; [\d.]+m?s; req:\w{16}\n$/);
    for (const mode of ["status", "wait"]) {
      const withTimes = (await control.run(mode, [reqid, "--fold"])).out;
      expect(withoutTimes(withTimes)).toBe(folded.out);
      const session = onTerminal(mode, [reqid]);
      expect(await session.ended()).toBe(1);
      expect(session.screen.replaceAll("\r\n", "\n")).toStartWith(withTimes);
      const { out } = await control.run(mode, [reqid]);
      expect(out.match(/^==> /gm)).toHaveLength(6);
    }
    const failed = await control.run("wait", [reqid, "--only=failed"]);
    expect(failed.out).toMatch(new RegExp(`^${SIX[2]}\n$`));
    expect(failed.err).toBe("5 of 6 hosts did not fail: not shown\n");
    const quiet = await control.run("status", [reqid, "--fold", "--quiet"]);
    expect(quiet.out).toMatch(
      new RegExp(`^${header("127.0.1.[1-5] (5)")}\n${header("127.0.1.6", 3)}\n$`),
    );
    const diff = await control.run("status", [reqid, "--diff"]);
    expect(withoutTimes(diff.out)).toMatch(
      new RegExp(
        [
          `^${SIX[0]}`,
          header("127.0.1.5"),
          "    DIFF: stdout, from the first block",
          String.raw`@@ -1,3 \+1,3 @@`,
          String.raw` one\n two\n-three\n\+other`,
          header("127.0.1.6", 3),
          "    DIFF: stdout is the first block's",
          "    DIFF: stderr whole: the first is empty",
          "    STDERR: disk full\n$",
        ].join("\n"),
      ),
    );
  });

  test("options that cannot be used together are named, and nobody is asked", async () => {
    const both = await control.run("run", order(2, ["--fold", "--json"]));
    expect(both.status).toBe(2);
    expect(JSON.parse(both.out).error).toBe("--fold and --json cannot be used together");
  });
});

describe("--output", () => {
  test("a file for each host and stream, beside what is shown", async () => {
    using _ = await StreamingAgents.start(agent, playOf(3));
    const path = control.folder.join("results");
    const { out, status } = await control.run("run", order(3, ["--output", path, "--quiet"]));
    expect(status).toBe(1);
    expect(out.match(/^==> .*\n/gm)?.join("")).toBe(out);
    const hosts = addresses(3);
    expect(readdirSync(path).sort()).toEqual(
      hosts.flatMap((host) => [`${host}.stderr`, `${host}.stdout`]),
    );
    expect(readFileSync(`${path}/${hosts[1]}.stdout`, "utf8")).toBe("one\ntwo\nother\n");
    expect(readFileSync(`${path}/${hosts[2]}.stderr`, "utf8")).toBe("disk full\n");
    const [reqid = ""] = /(?<=req:)\w{16}/.exec(out) ?? [];
    const again = control.folder.join("again");
    await control.run("status", [reqid, "--output", again, "--json"]);
    expect(readdirSync(again)).toHaveLength(6);
  });

  test("a folder with something in it is refused before anybody is asked", async () => {
    using agents = await StreamingAgents.start(agent);
    const path = control.folder.join("full");
    control.folder.write("full/a", "");
    const { status, err } = await control.run("run", order(2, ["--output", path]));
    expect(status).toBe(2);
    expect(err).toStartWith(`ctrl-exec: Cannot write to ${path}: it is not empty\n`);
    expect(agents.connections).toBe(0);
  });

  test("T22 what cannot be written is told, with the way to it, and the status is not 0", async () => {
    using _ = await StreamingAgents.start(agent, playOf(9));
    const path = control.folder.join("unwritten");
    const args = order(2, ["--output", path]);
    const { status, out, err } = await control.run("run", args, { blocks: 0 });
    expect(out.match(/exit:0/g)).toHaveLength(2);
    expect(err).toMatch(
      /^ctrl-exec: Cannot write \S+unwritten\/127\.0\.1\.\d\.stdout: [^\n]+ \(and 1 more\)\nRun \w{16} was carried out all the same\. .*: ctrl-exec status \w{16}/m,
    );
    expect(status).toBe(1);
  });

  test("a run that is refused leaves no folder", async () => {
    const path = control.folder.join("none");
    expect((await control.run("run", ["a b", "deploy", "--output", path])).status).toBe(2);
    expect(control.folder.has("none")).toBe(false);
  });
});

test("five hundred hosts: two blocks and a difference", async () => {
  using _ = await StreamingAgents.start(agent, playOf(500));
  const { out, err, status } = await control.run("run", order(500, ["--diff"]));
  expect(status).toBe(1);
  expect(out).toMatch(
    new RegExp(
      [
        `^${header("127.0.[1-2].[1-200],127.0.3.[1-98] (498)")}\none\ntwo\nthree`,
        header("127.0.3.99"),
        "    DIFF: stdout, from the first block",
        String.raw`@@ -1,3 \+1,3 @@`,
        String.raw` one\n two\n-three\n\+other`,
        header("127.0.3.100", 3),
        "    DIFF: stdout is the first block's",
        "    DIFF: stderr whole: the first is empty",
        "    STDERR: disk full\n$",
      ].join("\n"),
    ),
  );
  expect(err).toMatch(/^500 hosts: 499 ok, 1 failed; /);
});
