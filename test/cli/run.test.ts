import { expect, test } from "bun:test";
import { ControlHost } from "../support/fleet.ts";
import { TerminalSession } from "../support/terminal.ts";

test("run shows a block per host and ends 0", async () => {
  await using control = await ControlHost.create();
  await control.startAgent("web-01", { scripts: { greet: 'echo "hello $1"; echo oops >&2' } });
  const { status, out } = await control.run("run", ["web-01", "greet", "--", "a b"]);
  expect(out).toMatch(
    /^==> web-01 {2}\[OK {2}exit:0 {2}\d+ms {2}req:[0-9a-f]{16}\]\nhello a b\n {4}STDERR: oops\n$/,
  );
  expect(status).toBe(0);
  const line = await control.log.seen("run");
  expect(line.fields).toMatchObject({
    EXIT: "0",
    SCRIPT: "greet",
    TARGET: `web-01:${control.agents[0]?.port}`,
  });
});

test("a terminal never gets another host's escapes", async () => {
  await using control = await ControlHost.create();
  await control.startAgent("web-01", { scripts: { evil: "printf 'a\\033[31mb\\n'" } });
  const session = new TerminalSession("ctrl-exec", control.withSetting(["run", "web-01", "evil"]));
  expect(await session.ended()).toBe(0);
  expect(session.screen).toContain("a^[[31mb");
});
