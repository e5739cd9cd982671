import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { freePort } from "../../../src/system/net/free-port.ts";
import { DeadHost } from "../../support/dead-host.ts";
import { FakeAgent, jsonAnswer } from "../../support/fake-agent.ts";
import { ControlHost } from "../../support/fleet.ts";

let control: ControlHost;

beforeAll(async () => {
  control = await ControlHost.create();
  await control.startAgent("web-01");
  await control.startAgent("a-host-with-a-long-name.example.com");
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

test("the table has a header, a rule and a row for each host, aligned", async () => {
  const names = ["web-01", "a-host-with-a-long-name.example.com"];
  const { status, out, err } = await control.run("ping", names);
  expect(status).toBe(0);
  expect(err).toBe("");
  const [header = "", rule = "", ...rows] = out.trimEnd().split("\n");
  expect(header).toMatch(/^HOST +STATUS {2}RTT +CERT EXPIRY +VERSION$/);
  expect(rule).toMatch(/^-{35} {2}-{6} {2}-+ {2}-{24} {2}-{7}$/);
  expect(rows).toHaveLength(2);
  const columns = [0, ...[...rule.matchAll(/ {2}/g)].map(({ index }) => index + 2)];
  for (const [index, row] of rows.entries()) {
    const cells = columns.map((start, at) => row.slice(start, columns[at + 1]).trim());
    expect(cells[0]).toBe(names[index] ?? "");
    expect(cells[1]).toBe("ok");
    expect(cells[2]).toMatch(/^\d+ms$/);
    expect(cells[3]).toMatch(/^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} GMT$/);
    expect(cells[4]).toMatch(/^\d+\.\d+\.\d+$/);
  }
});

test("the expiry is that of the agent's own certificate, as OpenSSL prints it", async () => {
  const { out } = await control.run("ping", ["web-01", "--json"]);
  const pem = readFileSync(control.agents[0]?.path("agent.crt") ?? "", "utf8");
  const printed = Bun.spawnSync(["openssl", "x509", "-noout", "-enddate"], {
    stdin: Buffer.from(pem),
  }).stdout.toString();
  expect(`notAfter=${JSON.parse(out).results[0].expiry}\n`).toBe(printed);
});

test("a host that does not answer has its row, its reason on stderr, and makes the status 1", async () => {
  const port = freePort();
  const { status, out, err } = await control.run("ping", [`127.0.0.1:${port}`, "web-01"]);
  expect(status).toBe(1);
  expect(out).toMatch(/^127\.0\.0\.1 +error +\d+ms$/m);
  expect(out).toMatch(/^web-01 +ok /m);
  expect(err).toBe(
    `127.0.0.1: connection refused by 127.0.0.1:${port}: no agent is listening there. Check that it runs there ` +
      "(systemctl status ctrl-exec-agent), and that the port is that of its agent.conf\n",
  );
});

test("T23 a host that is dead has its row, in time and with its reason, and no other host waits", async () => {
  await using other = await ControlHost.create(["connect_timeout = 1"]);
  await other.startAgent("web-02");
  using dead = new DeadHost();
  const { status, out, err } = await other.run("ping", [`127.0.0.1:${dead.port}`, "web-02"]);
  expect(status).toBe(1);
  expect(out).toMatch(/^127\.0\.0\.1 +error +\d+ms$/m);
  expect(out).toMatch(/^web-02 +ok /m);
  expect(err).toBe(
    `127.0.0.1: no answer from 127.0.0.1:${dead.port}: the host is down or a firewall drops the connection. Check that the ` +
      "host is up, that the address is its own, and that the firewalls on the way let the port through\n",
  );
});

test("T29 what a hostile agent says is one line, in the name of no other host", async () => {
  const agent = await control.startAgent("evil-01");
  await agent.stop();
  using _ = await FakeAgent.start(agent, (socket) => {
    const lie = jsonAnswer({ error: "no\nweb-01: Cannot reach it\u001b[2J" });
    socket.end(lie.replace("200 OK", "403 Forbidden"));
  });
  const { out, err } = await control.run("ping", ["evil-01"]);
  expect(err).toBe("evil-01: no web-01: Cannot reach it^[[2J\n");
  expect(out).not.toContain("web-01");
});

test("an agent that ends lets the next ping fail with a reason", async () => {
  await using other = await ControlHost.create();
  const agent = await other.startAgent("gone");
  expect((await other.run("ping", ["gone"])).status).toBe(0);
  expect(await agent.stop()).toBe(0);
  const { status, err } = await other.run("ping", ["gone"]);
  expect(status).toBe(1);
  expect(err).toContain("no agent is listening there");
});
