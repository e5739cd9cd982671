/** The agent's and the pairing port's refusals arrive, however much the caller sends meanwhile. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { connect } from "node:tls";
import { Authority } from "../../support/authority.ts";
import { runCommand } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { controllerIdentity, type Identity, openTls } from "../../support/raw-agent.ts";
import { writeThenRead } from "../../support/write-then-read.ts";

const MIB = 1024 * 1024;
const TURNS = 5;
/** A body that nobody reads to its end. */
const ENDLESS = 512 * MIB;

const head = (length: number, ...more: string[]) =>
  ["POST /run HTTP/1.1", "Host: x", `Content-Length: ${length}`, ...more, "", ""].join("\r\n");

test("T64 the agent's 400, 403, 404, 411, 413 and 431 arrive", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01");
  const good = controllerIdentity(control);
  const own = Authority.of(control);
  const other: Identity = await own.issue("web-02");
  const cases: readonly (readonly [string, Identity, string, number])[] = [
    ["400", good, "no HTTP\r\n\r\n", 8 * MIB],
    ["400", good, `POST /run HTTP/1.1\r\nX: \0\r\n\r\n`, 8 * MIB],
    ["403", other, head(MIB), MIB],
    ["404", good, head(MIB).replace("/run", "/nothing"), 4 * MIB],
    ["411", good, "POST /run HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 8 * MIB],
    ["413", good, head(8 * MIB), 8 * MIB],
    ["413", other, head(8 * MIB), 8 * MIB],
    ["431", good, head(8 * MIB, ...Array.from({ length: 40 }, (_, n) => `X-${n}: x`)), 8 * MIB],
    ["431", good, `POST /run HTTP/1.1\r\nX: ${"x".repeat(32_768)}`, 8 * MIB],
  ];
  for (const [status, identity, start, bytes] of cases) {
    for (let turn = 0; turn < TURNS; turn++) {
      const { text } = await writeThenRead(openTls(agent.port, identity), start, bytes);
      expect([status, start.slice(0, 50), text.slice(9, 12)]).toEqual([
        status,
        start.slice(0, 50),
        status,
      ]);
    }
  }
  const { sent } = await writeThenRead(openTls(agent.port, good), head(ENDLESS), ENDLESS);
  expect(sent).toBeLessThan(ENDLESS / 2);
}, 60_000);

test("T64 the agent's answer to a revoked certificate arrives", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01");
  await agent.pair();
  const own = Authority.of(control);
  const revoked = await own.issue("web-02");
  writeFileSync(agent.path("revoked-serials"), `${revoked.serial}\n`);
  await agent.serve();
  for (let turn = 0; turn < TURNS; turn++) {
    const { text } = await writeThenRead(openTls(agent.port, revoked), head(8 * MIB), 8 * MIB);
    expect(text).toContain("certificate revoked");
  }
});

test("T64 curl is told by the agent why its body is refused", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01");
  const folder = control.folder.join("control");
  const body = control.folder.write("body", "x".repeat(2 * MIB));
  const args = ["-s", "-k", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Expect:"];
  const identity = ["--cert", `${folder}/ctrl-exec.crt`, "--key", `${folder}/ctrl-exec.key`];
  const sent = ["--data-binary", `@${body}`, `https://127.0.0.1:${agent.port}/run`];
  const got: string[] = [];
  for (let turn = 0; turn < 2 * TURNS; turn++) {
    got.push((await runCommand(["curl", ...args, ...identity, ...sent])).out);
  }
  expect(got).toEqual(got.map(() => "413"));
});

test("T64 the pairing port's refusals arrive, and nobody is listened to for ever", async () => {
  await using control = await ControlHost.create();
  const port = await control.pairingPort();
  const open = () => {
    const socket = connectTcp({ host: "127.0.0.1", port });
    socket.on("error", () => undefined);
    return connect({ socket, rejectUnauthorized: false });
  };
  const starts = [
    `POST /pair HTTP/1.0\r\nContent-Length: ${8 * MIB}\r\n\r\n`,
    "GET / HTTP/1.0\r\n\r\n",
    `POST /pair HTTP/1.0\r\nX: ${"x".repeat(20_000)}`,
  ];
  for (const start of starts) {
    for (let turn = 0; turn < TURNS; turn++) {
      const { text } = await writeThenRead(open(), start, 8 * MIB);
      expect(text).toContain('"reason":"invalid request"');
    }
  }
  const { sent } = await writeThenRead(open(), "GET / HTTP/1.0\r\n\r\n", ENDLESS);
  expect(sent).toBeLessThan(ENDLESS / 2);
}, 60_000);
