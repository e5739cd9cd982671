/** Servers that a person starts at a terminal say that they are up, and where. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Running } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { TerminalSession } from "../../support/terminal.ts";

let control: ControlHost;
let agent: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  agent = await control.addAgent("web-01");
  await agent.pair();
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

test("ctrl-exec-agent serve", async () => {
  const session = new TerminalSession("ctrl-exec-agent", agent.withSetting("serve"));
  await session.seen(
    new RegExp(
      `^ctrl-exec-agent is up: it listens on 127\\.0\\.0\\.1:${agent.port}\\. Ctrl-C to stop\\.\\r\\n`,
    ),
  );
  session.type("\u0003");
  expect(await session.ended()).toBe(0);
});

test("ctrl-exec-api", async () => {
  const session = new TerminalSession("ctrl-exec-api", control.withSetting([]));
  const [, url = ""] = await session.seen(
    /^ctrl-exec-api is up: (http:\/\/127\.0\.0\.1:\d+)\. Ctrl-C to stop\.\r\n/,
  );
  expect((await fetch(`${url}/health`)).status).toBe(200);
  session.type("\u0003");
  expect(await session.ended()).toBe(0);
});

test("a service manager's log gets no such line", async () => {
  const args = ["serve", "--config", agent.config, "--log", "stderr"];
  const serving = new Running("ctrl-exec-agent", args);
  await serving.seen(/ACTION=start /);
  expect(await serving.stop()).toBe(0);
  expect(serving.err).not.toContain("is up");
});
