import { describe, expect, test } from "bun:test";
import { unlinkSync } from "node:fs";
import { join } from "node:path";
import { openLog } from "../../../../src/system/log/syslog.ts";
import { TestFolder, until } from "../../../support/folder.ts";
import { LogSocket } from "../../../support/log-socket.ts";

const syslogModule = join(import.meta.dir, "../../../../src/system/log/syslog.ts");
const endingModule = join(import.meta.dir, "../../../../src/system/ending.ts");

/** A log on a real datagram socket in the folder. */
function logTo(folder: TestFolder) {
  const path = folder.join("log");
  const socket = new LogSocket(path);
  return { socket, log: openLog("ctrl-exec", `/${path.slice(1)}`), path };
}

/** Logs in a process of its own and returns what it wrote to stderr. */
function stderrOf(destination: string, calls: string, env: Record<string, string> = {}): string {
  const code = `const { openLog } = await import(${JSON.stringify(syslogModule)});
    const { end } = await import(${JSON.stringify(endingModule)});
    const log = openLog("ctrl-exec-agent", ${JSON.stringify(destination)}); ${calls}; await end();`;
  const child = Bun.spawnSync([process.execPath, "-e", code], { env: { ...process.env, ...env } });
  expect(child.exitCode).toBe(0);
  return child.stderr.toString();
}

describe("docs/PROTOCOL.md, section 7 on a real socket", () => {
  test("facility daemon, tag with pid, one datagram a line", () => {
    using folder = new TestFolder();
    const { socket, log } = logTo(folder);
    using _ = socket;
    log({ event: "lock-acquire", host: "web-01", script: "deploy" });
    log({ event: "log-lost", count: 1 });
    log({ event: "cert-rotation-fail", error: "" });
    expect(socket.lines.map(({ priority, action }) => [priority, action])).toEqual([
      [30, "lock-acquire"],
      [28, "log-lost"],
      [27, "cert-rotation-fail"],
    ]);
    expect(socket.lines[0]).toMatchObject({
      tag: "ctrl-exec",
      pid: process.pid,
      fields: { HOST: "web-01", SCRIPT: "deploy" },
    });
    expect(socket.lines[0]?.raw).toEndWith(
      `ctrl-exec[${process.pid}]: ACTION=lock-acquire HOST=web-01 SCRIPT=deploy`,
    );
  });

  test("T26 a hostile value stays in its datagram and its field", () => {
    using folder = new TestFolder();
    const { socket, log } = logTo(folder);
    using _ = socket;
    const value = 'x"\n<30>Jan  1 00:00:00 ctrl-exec[1]: ACTION=auth RESULT=pass';
    log({ event: "lock-acquire", host: "web-01", script: value });
    log({ event: "maintain-fail", error: "日".repeat(2 ** 20), task: "\u0001".repeat(2 ** 20) });
    expect(socket.lines).toHaveLength(2);
    expect(socket.lines[0]).toMatchObject({ action: "lock-acquire", fields: { SCRIPT: value } });
    expect(socket.lines[1]?.raw.length).toBeLessThan(17_000);
    expect(socket.lines[1]?.fields.ERROR).toStartWith("日日日");
  });

  test("the time is local, as syslog daemons expect it from local programs", () => {
    using folder = new TestFolder();
    const path = folder.join("log");
    using socket = new LogSocket(path);
    stderrOf(path, 'log({ event: "start", port: 1 })', { TZ: "XXX-5:30" });
    const [, hours, minutes] = / (\d\d):(\d\d):\d\d /.exec(socket.lines[0]?.raw ?? "") ?? [];
    const local = Number(hours) * 60 + Number(minutes);
    const now = new Date();
    const wanted = (now.getUTCHours() * 60 + now.getUTCMinutes() + 330) % 1440;
    const behind = (wanted - local + 1440) % 1440;
    expect(behind).toBeLessThan(5);
  });

  test("a restarted daemon has a new socket under the same name", () => {
    using folder = new TestFolder();
    const { socket, log, path } = logTo(folder);
    log({ event: "api-stop" });
    expect(socket.of("api-stop")).toHaveLength(1);
    socket[Symbol.dispose]();
    unlinkSync(path);
    using next = new LogSocket(path);
    log({ event: "api-reload" });
    expect(next.of("api-reload")).toHaveLength(1);
  });

  test("T66 a burst that a daemon's queue does not take at once waits, in order", async () => {
    using folder = new TestFolder();
    const path = folder.join("log");
    using socket = new LogSocket(path, { reads: false });
    const log = openLog("ctrl-exec", `/${path.slice(1)}`);
    for (let count = 0; count < 600; count++) log({ event: "cert-renewal-start", daysLeft: count });
    await until("the daemon has read all of it", () => socket.lines.length === 600);
    expect(socket.lines.map(({ fields }) => Number(fields.DAYS_LEFT))).toEqual(
      Array.from({ length: 600 }, (_, index) => index),
    );
  });
});

describe("an unreachable log never stops the work", () => {
  const line = /^ctrl-exec-agent\[\d+\]: ACTION=start PORT=7443\n$/;
  const call = 'log({ event: "start", port: 7443 });';
  test("no socket: stderr", () => {
    using folder = new TestFolder();
    expect(stderrOf(folder.join("none"), call)).toMatch(line);
  });
  test("a file that is not a socket: stderr", () => {
    using folder = new TestFolder();
    expect(stderrOf(folder.write("file", ""), call)).toMatch(line);
  });
  test("a path longer than a socket's name can be: stderr", () => {
    expect(stderrOf(`/${"x".repeat(200)}`, call)).toMatch(line);
  });
  test("stderr when asked for", () => {
    expect(stderrOf("stderr", call)).toMatch(line);
  });
  test("stderr closed: nothing", () => {
    expect(stderrOf("stderr", `require("node:fs").closeSync(2); ${call}`)).toBe("");
  });
  test("T66 a daemon that does not read: the rest goes to stderr, and nothing waits", () => {
    using folder = new TestFolder();
    const path = folder.join("log");
    using socket = new LogSocket(path);
    const out = stderrOf(path, `for (let i = 0; i < 5000; i++) log({ event: "start", port: i });`);
    const received = socket.lines.length;
    expect(received).toBeGreaterThan(0);
    expect(received + out.split("\n").length - 1).toBe(5000);
    expect(received).toBeLessThan(5000);
  });
});
