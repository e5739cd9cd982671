/** pairing-mode and request-pairing on real pseudo-terminals, as two people see them. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { connect } from "node:tls";
import { createCsr } from "../../../src/pki/csr.ts";
import { generateKeyPem, readPrivateKey } from "../../../src/pki/keys.ts";
import { Running, runProgram } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { NONCE, PairingClient } from "../../support/pairing-client.ts";
import { PairingStranger, pairingRequest } from "../../support/pairing-stranger.ts";
import { http10 } from "../../support/peers.ts";
import { TerminalSession } from "../../support/terminal.ts";

let control: ControlHost;
let operator: TerminalSession;
let port: number;

beforeEach(async () => {
  control = await ControlHost.create();
  ({ session: operator, port } = await control.openPairingConsole());
});

afterEach(async () => {
  operator.kill();
  await control[Symbol.asyncDispose]();
});

/** An agent that asks, and waits in the background of the test. */
async function ask(name: string): Promise<{ agent: TestAgent; waiting: Running }> {
  const agent = await control.addAgent(name);
  const args = agent.withSetting("request-pairing", agent.pairingArgs(port));
  const waiting = new Running("ctrl-exec-agent", args);
  await waiting.outSeen(/Confirmation code: +\d{6}\n/);
  return { agent, waiting };
}

const isPaired = async (agent: TestAgent) => (await agent.run("pairing-status")).status === 0;

test("T07 both screens show the same code and CA; after approve the agent is paired", async () => {
  const agent = await control.addAgent("web-01");
  const person = new TerminalSession(
    "ctrl-exec-agent",
    agent.withSetting("request-pairing", agent.pairingArgs(port)),
  );
  const [, onAgent = ""] = await person.seen(/Confirmation code: +(\d{6})\r\n/);
  const [, requestId = ""] = await person.seen(/Request id: +([0-9a-f]{16})\r\n/);
  await operator.seen(/\[a\]pprove, \[d\]eny, \[s\]kip, \[l\]ist, \[q\]uit\? $/);
  expect(operator.screen).toContain("Pairing request from web-01\r\n");
  expect(operator.screen).toMatch(/IP: +127\.0\.0\.1\r\n/);
  expect(operator.screen).toMatch(new RegExp(`Request id: +${requestId}\\r\\n`));
  expect(operator.screen).toMatch(new RegExp(`Code: +${onAgent} `));
  expect(operator.screen).toContain(
    "Code covers: both hosts   (if the agent's screen says otherwise, deny)\r\n",
  );
  await person.seen(/Code covers: +both hosts\r\n/);
  // In groups of equal shape, two lines on either screen.
  const groups = "(?:[0-9a-f]{4} ){7}[0-9a-f]{4}";
  const words = new RegExp(`CA fingerprint: +(sha256: ${groups})\\r\\n +(${groups})\\r\\n`);
  const [, ...ofAgent] = await person.seen(words);
  const [, ...ofOperator] = await operator.seen(words);
  expect(ofAgent).toEqual(ofOperator);
  expect(ofAgent.join("").replaceAll(" ", "")).toBe(control.caFingerprint);
  operator.clear();
  operator.type("a\r");
  await operator.seen(
    /Approved web-01 \(127\.0\.0\.1\); its certificate expires \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\./,
  );
  expect(await person.ended()).toBe(0);
  expect(person.screen).toContain("Paired.");
  // Nobody gave a fingerprint, so the agent says which CA it trusts from now on.
  expect(person.screen).toMatch(
    new RegExp(`trusts the CA sha256: ${groups}\\r\\n +${groups}\\r\\n`),
  );
  expect(await isPaired(agent)).toBe(true);
  operator.type("q\r");
  expect(await operator.ended()).toBe(0);
  expect(operator.screen).toContain("Pairing mode has ended.");
});

test("T07 a code of 0.8 or 1.0 is shown for what it is, alone and in the list", async () => {
  using old = new PairingClient(port);
  const csr = await createCsr("old-01", readPrivateKey(await generateKeyPem("ec"), "the key"));
  const { reqid = "" } = await old.asks("/pair", { hostname: "old-01", csr, nonce: NONCE });
  const words =
    /Code covers: the request alone {3}\(if the agent's screen says otherwise, deny\)\r\n +It can be forged\. Compare the CA fingerprints on both screens too\.\r\n/;
  await operator.seen(words);
  operator.clear();
  operator.type("l\r");
  await operator.seen(
    new RegExp(`Note: the code of old-01 \\(${reqid}\\) covers the request alone`),
  );
  operator.type("a\r");
  await operator.seen(/Approved old-01/);
  expect((await old.reply()).status).toBe("approved");
});

test("denied: the agent says so, ends 3 and stores nothing", async () => {
  const { agent, waiting } = await ask("web-01");
  await operator.seen(/uit\? $/);
  operator.type("d\r");
  await operator.seen(/Denied web-01 \(127\.0\.0\.1\)\./);
  expect(await waiting.ended()).toBe(3);
  expect(waiting.err).toContain("Denied: rejected by operator. Nothing was stored.");
  expect(await isPaired(agent)).toBe(false);
  expect((await control.mustRun("list-agents", ["--json"])).out).toBe("[]\n");
});

test("several at once: the first is shown, the others listed, each decided by its number", async () => {
  const first = await ask("web-01");
  await operator.seen(/Pairing request from web-01/);
  const second = await ask("web-02");
  await operator.seen(/Also waiting: web-02 \(127\.0\.0\.1\)\. Type l to list\./);
  const third = await ask("web-03");
  await operator.seen(/Also waiting: web-03/);
  operator.clear();
  operator.type("l\r");
  const [table] = await operator.seen(/# +ID +HOSTNAME[\s\S]*uit\? $/);
  const row = (name: string) =>
    Number(new RegExp(`^(\\d) .* ${name} `, "m").exec(table)?.[1] ?? "0");
  expect([row("web-01"), row("web-02"), row("web-03")].sort()).toEqual([1, 2, 3]);

  operator.clear();
  operator.type(`d ${row("web-02")}\r`);
  await operator.seen(/Denied web-02/);
  expect(await second.waiting.ended()).toBe(3);
  operator.clear();
  operator.type(`a ${row("web-03")}\r`);
  await operator.seen(/Approved web-03/);
  expect(await third.waiting.ended()).toBe(0);
  // The one that was shown all the time is still the one that a plain letter decides.
  operator.clear();
  operator.type("a\r");
  await operator.seen(/Approved web-01/);
  expect(await first.waiting.ended()).toBe(0);
});

test("a number means the list as it was shown, whatever was decided since", async () => {
  const first = await ask("web-01");
  const second = await ask("web-02");
  await operator.seen(/Also waiting: web-02/);
  operator.clear();
  operator.type("l\r");
  const [table] = await operator.seen(/# +ID +HOSTNAME[\s\S]*uit\? $/);
  const number = /^(\d) .* web-01 /m.exec(table)?.[1] ?? "";
  operator.type(`d ${number}\r`);
  await operator.seen(/Denied web-01/);
  expect(await first.waiting.ended()).toBe(3);
  operator.clear();
  operator.type(`a ${number}\r`);
  await operator.seen(/Cannot find a pairing request/);
  operator.type("d\r");
  expect(await second.waiting.ended()).toBe(3);
});

test("skipped: it stays in the list, the next one is shown, and it can be approved later", async () => {
  const first = await ask("web-01");
  await operator.seen(/Pairing request from web-01[\s\S]*uit\? $/);
  operator.type("s\r");
  await operator.seen(
    /Skipped web-01; it stays in the list\.\r\nOnly skipped requests wait\. \[l\]ist, \[q\]uit\? $/,
  );
  operator.clear();
  const second = await ask("web-02");
  await operator.seen(/Pairing request from web-02[\s\S]*uit\? $/);
  operator.type("d\r");
  expect(await second.waiting.ended()).toBe(3);
  operator.clear();
  operator.type("l\r");
  await operator.seen(/1 +[0-9a-f]{16} +web-01/);
  operator.type("a 1\r");
  await operator.seen(/Approved web-01/);
  expect(await first.waiting.ended()).toBe(0);
});

test("another terminal may decide meanwhile: the console learns of it", async () => {
  const { waiting } = await ask("web-01");
  await operator.seen(/uit\? $/);
  operator.clear();
  await control.mustRun("approve", [await control.requestFor("web-01")]);
  expect(await waiting.ended()).toBe(0);
  await operator.seen(/web-01 .*(approved|decided) elsewhere/i);
});

test("an agent that gives up disappears from the console", async () => {
  const { waiting } = await ask("web-01");
  await operator.seen(/uit\? $/);
  operator.clear();
  await waiting.stop("SIGINT");
  await operator.seen(/web-01 \(127\.0\.0\.1\) went away\./);
  operator.clear();
  const another = new PairingStranger(port, await pairingRequest("evil"), "127.1.99.1");
  const [notice] = await operator.seen(/Also waiting[\s\S]*Press Enter to go on\./);
  expect(notice).not.toContain("Type l");
  another[Symbol.dispose]();
  operator.clear();
  operator.type("a\r");
  await operator.seen(/No request is shown\./);
  expect((await control.mustRun("list-requests", ["--json"])).out).toBe("[]\n");
});

test("T21 requests that come and go do not scroll away the one that is shown", async () => {
  await ask("web-01");
  await operator.seen(/uit\? $/);
  operator.clear();
  const csr = await createCsr("evil", readPrivateKey(await generateKeyPem("ec"), "the key"));
  const body = { hostname: "evil", csr, nonce: "0123456789abcdef0123456789abcdef" };
  for (let count = 0; count < 30; count++) {
    const stranger = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    stranger.on("error", () => undefined);
    stranger.write(http10(body).replace("HTTP/1.0 200 OK", "POST /pair HTTP/1.0"));
    await new Promise((resolve) => stranger.once("data", resolve));
    stranger.destroy();
  }
  await operator.seen(/More come and go\. Type l to list\./);
  operator.type("s\r");
  await operator.seen(/Skipped web-01/);
  const noticed = operator.screen.split("Skipped web-01")[0]?.match(/evil \(127/g);
  expect(noticed?.length).toBe(10);
});

test("T07 a request that is pushed out while it is on the screen does not go in silence", async () => {
  const { waiting } = await ask("web-01");
  await operator.seen(/uit\? $/);
  operator.clear();
  // As many networks as the queue has slots.
  const bytes = await pairingRequest("evil");
  const strangers = Array.from({ length: 10 }, (_, n) => {
    return new PairingStranger(port, bytes, `127.1.${n}.1`);
  });
  expect(await waiting.ended()).toBe(3);
  expect(waiting.err).toContain(
    "Denied: pushed out of the full pairing queue by newer requests. Nothing was stored; run request-pairing again.",
  );
  await operator.seen(
    /web-01 \(127\.0\.0\.1\) was pushed out of the full queue by newer requests; it has to ask again\. Press Enter/,
  );
  operator.clear();
  operator.type("a\r");
  await operator.seen(/No request is shown\./);
  for (const stranger of strangers) stranger[Symbol.dispose]();
  expect((await control.mustRun("list-agents", ["--json"])).out).toBe("[]\n");
});

test("a host name that is taken is never replaced in silence", async () => {
  const first = await ask("web-01");
  await operator.seen(/uit\? $/);
  operator.type("a\r");
  expect(await first.waiting.ended()).toBe(0);
  await operator.seen(/Approved web-01/);
  operator.clear();
  const second = await ask("web-01");
  await operator.seen(/web-01 is registered already \(127\.0\.0\.1, paired .*\)/);
  await operator.seen(/Approving replaces it/);
  const listed = await control.mustRun("list-requests");
  expect(listed.err).toContain("web-01 is registered already");
  operator.type("d\r");
  expect(await second.waiting.ended()).toBe(3);
});

test("anything else that is typed shows what can be typed", async () => {
  operator.type("what\r");
  await operator.seen(/a, d or s decide on the request shown/);
  operator.clear();
  operator.type("a\r");
  await operator.seen(/No request is shown\./);
  operator.clear();
  operator.type("a 7\r");
  await operator.seen(/There is no request 7\./);
});

test("Ctrl-C ends it, and whoever waits is told", async () => {
  const { waiting } = await ask("web-01");
  await operator.seen(/uit\? $/);
  operator.type("\u0003");
  expect(await operator.ended()).toBe(0);
  expect(await waiting.ended()).toBe(1);
  expect(waiting.err).toMatch(/closed the connection\nWas pairing-mode stopped there\?\n$/);
  expect((await control.mustRun("list-requests", ["--json"])).out).toBe("[]\n");
});

test("Ctrl-D ends it as well", async () => {
  operator.type("\u0004");
  expect(await operator.ended()).toBe(0);
});

test("two pairing-modes on one control host: the second says so", async () => {
  const second = await runProgram("ctrl-exec", control.withSetting(["pairing-mode"]));
  expect(second.status).toBe(1);
  expect(second.err).toContain(
    "Cannot start pairing-mode: it is already running on this control host\n",
  );
  expect(second.err).toContain(
    `ctrl-exec list-requests --config ${control.config} and ctrl-exec approve <id> --config ${control.config}`,
  );
});
