/** Ctrl-C on a real terminal: it leaves, says how to come back, and the script goes on. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { closeSync, constants, existsSync, openSync } from "node:fs";
import { programPath } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { TerminalSession } from "../../support/terminal.ts";

const CTRL_C = "\u0003";
const TRIES = [1, 2, 3];

let control: ControlHost;
let agent: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create();
  const ends = 'until [ -e "$1.go" ]; do sleep 0.05; done; echo done; : >"$1.ended"';
  const floods = `head -c 300000 /dev/zero | tr '\\0' x; : >"$1.here"; ${ends}`;
  agent = await control.startAgent("web-01", {
    scripts: {
      work: `echo begun; : >"$1.here"; ${ends}`,
      ...Object.fromEntries(TRIES.map((count) => [`floods-${count}`, floods])),
    },
  });
});

afterAll(async () => {
  for (const count of TRIES) control.folder.write(`web-01/flood-${count}.go`, "");
  await control[Symbol.asyncDispose]();
});

const onTerminal = (args: readonly string[]) =>
  new TerminalSession("ctrl-exec", control.withSetting(args), { NO_COLOR: "1" });

/** A run that goes on; its script ends when it is told to. */
async function letGo(name: string) {
  const mark = agent.path(name);
  const { out } = await control.mustRun("run", ["web-01", "work", "--detach", "--", mark]);
  await until("it runs", () => existsSync(`${mark}.here`));
  return { reqid: out.trim(), mark };
}

async function endsByItself(name: string, reqid: string): Promise<void> {
  const mark = agent.path(name);
  expect(existsSync(`${mark}.ended`)).toBe(false);
  control.folder.write(`web-01/${name}.go`, "");
  const { out, status } = await control.run("wait", [reqid]);
  expect(status).toBe(0);
  expect(out).toEndWith("]\nbegun\ndone\n");
  expect(existsSync(`${mark}.ended`)).toBe(true);
}

test("run: once says how to come back and how to end it, and ends by SIGINT", async () => {
  const session = onTerminal(["run", "web-01", "work", "--", agent.path("left")]);
  await session.seen(/begun\r\n/);
  session.type(CTRL_C);
  await session.ended();
  expect(session.signal).toBe("SIGINT");
  const [, reqid = ""] = /To wait for it: ctrl-exec wait (\w{16}) /.exec(session.screen) ?? [];
  const command = (mode: string) => `ctrl-exec ${mode} ${reqid} --config ${control.config}`;
  expect(session.screen).toStartWith(`Run ${reqid}\r\n`);
  expect(session.screen).toMatch(
    /==> web-01 {2}\[RUNNING {2}.*req:\w+\]\r\n {4}ERROR: ctrl-exec was/,
  );
  expect(session.screen).not.toContain("FAIL");
  expect(session.screen).toEndWith(
    [
      "Stopped waiting. Scripts that have started keep running.",
      `To wait for it: ${command("wait")}`,
      `Its output: ${command("logs")}`,
      `To end it: ${command("cancel")}`,
      "",
    ].join("\r\n"),
  );
  await endsByItself("left", reqid);
});

/** After the first press it waits a second for somebody who does not read what it has printed. */
async function secondPress(count: number): Promise<{ signal: unknown; tookMs: number }> {
  const fifo = control.folder.join(`unread-${count}`);
  Bun.spawnSync(["mkfifo", fifo]);
  const unread = openSync(fifo, constants.O_RDWR);
  try {
    const order = [
      "run",
      "web-01",
      `floods-${count}`,
      "--live",
      "--",
      agent.path(`flood-${count}`),
    ];
    const command = [programPath("ctrl-exec"), ...control.withSetting(order)];
    const session = new TerminalSession("/bin/sh", ["-c", 'exec "$@" >"$0"', fifo, ...command]);
    await until("it prints", () => existsSync(`${agent.path(`flood-${count}`)}.here`));
    session.type(CTRL_C);
    await session.seen(/To end it: /);
    const pressed = performance.now();
    session.type(CTRL_C);
    await session.exited();
    return { signal: session.signal, tookMs: performance.now() - pressed };
  } finally {
    closeSync(unread);
  }
}

test("run: twice ends it at once", async () => {
  // This machine may be slow, but not each time.
  const took: number[] = [];
  for (const count of TRIES) {
    const { signal, tookMs } = await secondPress(count);
    expect(signal).toBe("SIGINT");
    took.push(tookMs);
    if (tookMs < 400) break;
  }
  expect(Math.min(...took)).toBeLessThan(400);
});

test("wait: it only leaves", async () => {
  const { reqid } = await letGo("waited");
  const asked = () => control.log.of("auth").filter(({ fields }) => fields.AUTHACTION === "read");
  const before = asked().length;
  const session = onTerminal(["wait", reqid]);
  await until("it waits", () => asked().length > before);
  await session.seen(/Waiting for web-01 \(started 2.*Z\)\. Output: ctrl-exec logs \w+ .*--follow/);
  session.type(CTRL_C);
  await session.ended();
  expect(session.signal).toBe("SIGINT");
  expect(session.screen).toContain(
    "Still running (or not answered): web-01. To wait again: ctrl-exec wait",
  );
  await endsByItself("waited", reqid);
});

test("logs --follow: it only leaves", async () => {
  const { reqid } = await letGo("followed");
  const session = onTerminal(["logs", reqid, "--follow"]);
  await session.seen(/begun\r\n/);
  session.type(CTRL_C);
  await session.ended();
  expect(session.signal).toBe("SIGINT");
  expect(session.screen).not.toContain("Cannot");
  await endsByItself("followed", reqid);
});
