/** `join = on`: ctrl-exec-api holds the pairing port, and pairing-mode is the console of its queue. */
import { expect, test } from "bun:test";
import { TestApi } from "../../support/api.ts";
import { Running } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { TerminalSession } from "../../support/terminal.ts";

test("hosts join at any time, others wait for an operator, who comes and goes", async () => {
  await using control = await ControlHost.create(["join = on", "api_port = 0"]);
  await using api = await TestApi.start(control);
  const [, port] = await api.running.seen(/ACTION=pairing-mode-start PORT=(\d+)/);
  const { token } = JSON.parse((await control.mustRun("token", ["create", "--json"])).out);
  const file = control.folder.write("token", token, 0o600);
  const web = await control.addAgent("web-01");
  const joined = await web.run("join", [
    ...web.pairingArgs(Number(port)),
    `--token-file=${file}`,
    "--timeout=0",
  ]);
  expect([joined.status, joined.err]).toEqual([0, expect.stringContaining("Joined as web-01.")]);

  const db = await control.addAgent("db-01");
  const asking = new Running(
    "ctrl-exec-agent",
    db.withSetting("request-pairing", db.pairingArgs(Number(port))),
  );
  const [, code = "?"] = await asking.outSeen(/Confirmation code: +(\d{6})\n/);
  const operator = new TerminalSession("ctrl-exec", control.withSetting(["pairing-mode"]));
  await operator.seen(/ctrl-exec-api takes the pairing requests; they are decided here/);
  await operator.seen(new RegExp(`Code: +${code}`));
  operator.type("a\r");
  await operator.seen(/Approved db-01/);
  expect(await asking.child.exited).toBe(0);
  operator.type("q\r");
  await operator.seen(/ctrl-exec-api goes on taking requests/);
  expect(await operator.exited()).toBe(0);

  const without = new Running("ctrl-exec", control.withSetting(["pairing-mode"]));
  await without.seen(/they are decided here/);
  await api.running.stop();
  await without.seen(/holds the pairing port no more/);
  expect(await without.child.exited).toBe(1);
});
