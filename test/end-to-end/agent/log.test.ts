/** What the agent's log has of whom it turns away: the other side is told to look there. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import {
  ask,
  controllerIdentity,
  exchange,
  get,
  type Identity,
  openTls,
  post,
  statusOf,
} from "../../support/raw-agent.ts";

function ownIdentity(agent: TestAgent): Identity {
  const read = (name: string) => readFileSync(agent.path(name), "utf8");
  return { cert: read("agent.crt"), key: read("agent.key") };
}

test("self-ping is not an alarm; the agent's certificate from elsewhere, or for more than a ping, is", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", { config: ["bind = ::"] });
  expect((await agent.run("self-ping")).status).toBe(0);
  await agent.serving.seen(/ACTION=self-ping PEER=127\.0\.0\.1$/m);
  expect(agent.serving.err).not.toContain("serial-reject");

  // As from another host: both ends of a connection to 127.0.0.1 have that address otherwise.
  const stolen = openTls(agent.port, ownIdentity(agent), { localAddress: "127.0.0.2" });
  expect(statusOf(await exchange(stolen, post("/ping", { reqid: "aa" })))).toBe(403);
  await agent.serving.seen(/ACTION=serial-reject PEER=127\.0\.0\.2 REQID=aa$/m);
  const run = post("/run", { script: "x", args: [], reqid: "bb" });
  expect(statusOf(await ask(agent.port, ownIdentity(agent), run))).toBe(403);
  await agent.serving.seen(/ACTION=serial-reject PEER=127\.0\.0\.1 REQID=bb$/m);
});

test("a request whose form is refused is logged with the reason", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01");
  const many = Array.from({ length: 40 }, (_, index) => `X-${index}: x`);
  const good = controllerIdentity(control);
  expect(statusOf(await ask(agent.port, good, get("/capabilities", many)))).toBe(431);
  await agent.serving.seen(/ACTION=request-refused PEER=127\.0\.0\.1 REASON="too many headers"$/m);
});

test("T21 whatever is not a request is logged, and nobody fills the log with it", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01");
  const good = controllerIdentity(control);
  const notText = Buffer.from("POST /ping HTTP/1.1\r\nContent-Length: 2\r\n\r\n\xff\xfe", "latin1");
  const cut = async (bytes: string) => {
    const socket = openTls(agent.port, good);
    socket.once("secureConnect", () => socket.end(bytes));
    return await exchange(socket, "");
  };
  const causes = [
    ["too many headers", 431, () => ask(agent.port, good, get("/", Array(40).fill("X: x")))],
    ["the body is not UTF-8", 400, () => ask(agent.port, good, notText)],
    ["the request was cut", 400, () => cut("POST /ping HTTP/1.1\r\nContent-Le")],
    ["empty request", 400, () => cut("")],
  ] as const;
  for (const [reason, status, call] of causes) {
    for (const _ of [1, 2, 3]) expect([reason, statusOf(await call())]).toEqual([reason, status]);
  }
  for (const _ of [1, 2, 3]) expect((await agent.run("self-ping")).status).toBe(0);
  // The log comes in order.
  expect(statusOf(await ask(agent.port, good, post("/ping", { reqid: "cc" })))).toBe(200);
  await agent.serving.seen(/ACTION=ping PEER=127\.0\.0\.1 REQID=cc$/m);
  const lines = agent.serving.err.split("\n").map((line) => line.replace(/^.*?ACTION=/, ""));
  expect(lines.filter((line) => /^(request-refused|self-ping)/.test(line))).toEqual([
    ...causes.map(([reason]) => `request-refused PEER=127.0.0.1 REASON="${reason}"`),
    "self-ping PEER=127.0.0.1",
  ]);
});
