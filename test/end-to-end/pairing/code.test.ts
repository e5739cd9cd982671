/** T07: what the six digits prove, with agents, control hosts and an attacker in between on real sockets. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { connect } from "node:tls";
import { HttpMessageReader } from "../../../src/core/wire/http-message.ts";
import { createCsr } from "../../../src/pki/csr.ts";
import { generateKeyPem, readPrivateKey } from "../../../src/pki/keys.ts";
import { Authority } from "../../support/authority.ts";
import { Running } from "../../support/binary.ts";
import { REQUEST_ID } from "../../support/false-controller.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { FORGED_REQUEST, HONEST_REQUEST } from "../../support/forged-request.ts";
import { NONCE, PairingClient, type PairingReply } from "../../support/pairing-client.ts";
import { http10, Peer } from "../../support/peers.ts";

let control: ControlHost;
let port: number;
/** An agent that begins an exchange and falls silent. */
let silent: PairingClient;
let count = 0;

beforeAll(async () => {
  control = await ControlHost.create(["pairing_max_queue = 60"]);
  port = await control.pairingPort();
  silent = new PairingClient(port);
  await begin(silent, await newRequest("silent"));
});

afterAll(async () => {
  silent[Symbol.dispose]();
  await control[Symbol.asyncDispose]();
});

async function listed(hostname: string) {
  return (await control.requests()).filter((request) => request.hostname === hostname);
}

async function newAgent(): Promise<TestAgent> {
  count += 1;
  return await control.addAgent(`host-${count}`);
}

/** The hash of the protocol document, written once more. */
function hash(...fields: readonly (string | Uint8Array)[]): Buffer {
  const parts = fields.flatMap((field) => {
    const bytes = Buffer.from(field);
    return [Buffer.from(bytes.length.toString(16).padStart(8, "0"), "hex"), bytes];
  });
  return new Bun.CryptoHasher("sha256").update(Buffer.concat(parts)).digest();
}

const digits = (digest: Buffer) => String(digest.readUInt32BE(0) % 1_000_000).padStart(6, "0");
const oldCode = (csr: string) => digits(new Bun.CryptoHasher("sha256").update(csr).digest());

interface Asking {
  readonly hostname: string;
  readonly csr: string;
  /** Of the agent, hex. */
  readonly value: string;
}

async function newRequest(hostname: string): Promise<Asking> {
  const csr = await createCsr(hostname, readPrivateKey(await generateKeyPem("ec"), "key"));
  return { hostname, csr, value: crypto.getRandomValues(new Uint8Array(32)).toHex() };
}

const commitment = ({ csr, value }: Asking) =>
  hash("ctrl-exec pairing commitment 1", csr, Buffer.from(value, "hex")).toString("hex");

/** The first of the two messages; the answer has the control host's value. */
async function begin(client: PairingClient, asking: Asking): Promise<PairingReply> {
  const { hostname, csr } = asking;
  const body = { hostname, csr, nonce: NONCE, commitment: commitment(asking) };
  return await client.asks("/pair", body);
}

function codeOfBoth(client: PairingClient, { csr, value }: Asking, theirs: string): string {
  const values = [value, theirs].map((hex) => Buffer.from(hex, "hex"));
  return digits(hash("ctrl-exec pairing code 1", csr, client.certificate, ...values));
}

/** An agent that asks, and waits; what its screen shows. */
async function ask(agent: TestAgent, at: number) {
  const args = agent.withSetting("request-pairing", agent.pairingArgs(at));
  const waiting = new Running("ctrl-exec-agent", args);
  const [, id = "", code = "", covers = ""] = await waiting.outSeen(
    /Request id: +([0-9a-f]{16})\nConfirmation code: +(\d{6})\nCode covers: +(.+)\n/,
  );
  return { waiting, id, code, covers };
}

/** A control host that the test plays: each request of a connection is answered by the next of the answers. */
async function playController(
  answers: readonly ((body: Record<string, string>) => object | undefined)[],
  authority: Authority,
): Promise<Peer> {
  const { cert, key } = await authority.issue("ctrl-exec");
  return await Peer.tls({ cert: `${cert}\n${authority.ca.pem}`, key }, (socket) => {
    const messages = new HttpMessageReader(65_536);
    let next = 0;
    socket.on("data", (chunk: Buffer) => {
      messages.take(chunk);
      const message = messages.next();
      if (message === undefined) return;
      const answer = answers[next++]?.(JSON.parse(message.body));
      if (answer === undefined) socket.end();
      else socket.write(http10(answer));
    });
  });
}

const pending = { status: "pending", reqid: REQUEST_ID };
const VALUE = "ab".repeat(32);

describe("T07 both hosts know the exchange", () => {
  test("both screens show one code that covers both, and approve --code takes it", async () => {
    const agent = await newAgent();
    const shown = await ask(agent, port);
    // It is in the queue before the agent shows it, so that nobody has to wait for it there.
    const [request] = await listed(agent.name);
    expect(request).toMatchObject({ id: shown.id, code: shown.code, code_covers: "both" });
    expect(shown.covers).toBe("both hosts");
    expect(shown.waiting.out).not.toContain("forged");
    const { err } = await control.mustRun("list-requests");
    expect(err).not.toContain(shown.id);
    const { fields } = await control.log.seen("pair-request", ({ REQID }) => REQID === shown.id);
    expect(fields.CODE_COVERS).toBe("both");
    await control.mustRun("approve", [shown.id, "--code", shown.code]);
    expect(await shown.waiting.ended()).toBe(0);
  });

  test("--background returns when the request is in the queue", async () => {
    const agent = await newAgent();
    const args = [...agent.pairingArgs(port), "--background"];
    const { out } = await agent.run("request-pairing", args);
    expect(await listed(agent.name)).toMatchObject([{ id: out.trim(), code_covers: "both" }]);
    await control.mustRun("deny", [out.trim()]);
  });

  test("on the wire: a commitment, a value, the other value, and the request is taken", async () => {
    const asking = await newRequest("wire");
    using client = new PairingClient(port);
    const first = await begin(client, asking);
    expect(Object.keys(first).sort()).toEqual(["reqid", "status", "value"]);
    expect(first.value).toMatch(/^[0-9a-f]{64}$/);
    expect(await listed("wire")).toEqual([]);
    const { reqid = "", value = "" } = first;
    expect(await client.asks("/pair-reveal", { reqid, value: asking.value })).toEqual({
      status: "pending",
      reqid,
    });
    const code = codeOfBoth(client, asking, value);
    expect(await listed("wire")).toMatchObject([{ id: reqid, code, code_covers: "both" }]);
    await control.mustRun("approve", [reqid, "--code", code]);
    expect(await client.reply()).toMatchObject({ status: "approved", nonce: NONCE });
  });

  test("many hosts at once, from one address, all get their exchange", async () => {
    await using control = await ControlHost.create(["pairing_max_queue = 40"]);
    const port = await control.pairingPort();
    const asking = Array.from({ length: 40 }, async (_, index) => {
      const request = await newRequest(`many-${index}`);
      const client = new PairingClient(port);
      const { reqid, value } = await begin(client, request);
      await client.asks("/pair-reveal", { reqid, value: request.value });
      return { client, value };
    });
    const all = await Promise.all(asking);
    for (const { client } of all) client[Symbol.dispose]();
    expect(all.filter(({ value }) => value !== undefined)).toHaveLength(40);
  });
});

describe("T07 whoever is bound to a value cannot choose another one:", () => {
  const refused = { status: "error", reason: "invalid request" };

  test.each<[string, (reqid: string, asking: Asking) => [string, object]]>([
    ["another value", (reqid) => ["/pair-reveal", { reqid, value: VALUE }]],
    ["none", (reqid) => ["/pair-reveal", { reqid }]],
    ["one for another request", (_, { value }) => ["/pair-reveal", { reqid: REQUEST_ID, value }]],
    ["the request once more", (_, { hostname, csr }) => ["/pair", { hostname, csr, nonce: NONCE }]],
  ])("%s ends the request", async (_, make) => {
    const asking = await newRequest("liar");
    using client = new PairingClient(port);
    const { reqid = "" } = await begin(client, asking);
    expect(await client.asks(...make(reqid, asking))).toEqual(refused);
    await client.closed;
    expect(await listed("liar")).toEqual([]);
    await control.log.seen("pair-reject", ({ REASON = "" }) => REASON.includes("value"));
  });

  test("a commitment that somebody else made is of no use for another request", async () => {
    const [honest, thief] = [await newRequest("thief"), await newRequest("thief")];
    using client = new PairingClient(port);
    const stolen = {
      nonce: NONCE,
      hostname: "thief",
      csr: thief.csr,
      commitment: commitment(honest),
    };
    const { reqid } = await client.asks("/pair", stolen);
    expect(await client.asks("/pair-reveal", { reqid, value: honest.value })).toEqual(refused);
    expect(await listed("thief")).toEqual([]);
  });

  test("a commitment that is not valid is refused at once", async () => {
    const { hostname, csr } = await newRequest("liar");
    using client = new PairingClient(port);
    const body = { hostname, csr, nonce: NONCE, commitment: "" };
    expect(await client.asks("/pair", body)).toEqual(refused);
  });

  test("who waits for a code that fits gets ten in ten minutes under one name", async () => {
    const asking = await newRequest("ground");
    for (let exchanges = 0; exchanges < 10; exchanges++) {
      using client = new PairingClient(port);
      expect((await begin(client, asking)).value).toBeDefined();
    }
    const limited = async (client: PairingClient) => {
      const reply = await begin(client, asking);
      if (reply.value === undefined) return reply.reqid ?? "";
      throw new Error("an eleventh exchange");
    };
    using client = new PairingClient(port);
    const id = await limited(client);
    await control.log.seen("pair-code-limit", ({ REQID }) => REQID === id);
    // He may still ask, with a code that proves nothing and is known as such.
    const code = oldCode(asking.csr);
    expect(await listed("ground")).toMatchObject([{ id, code, code_covers: "request" }]);
    expect((await control.run("approve", [id, "--code", code])).status).toBe(1);
    await control.mustRun("deny", [id]);
  });
});

describe("T07 an attacker in between", () => {
  test("passes everything on: the screens show different codes, and the agent's denies", async () => {
    const agent = await newAgent();
    const { cert, key } = await (await Authority.create()).issue("ctrl-exec");
    await using middle = await Peer.tls({ cert, key }, (socket) => {
      const onward = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
      onward.on("error", () => undefined);
      socket.pipe(onward).pipe(socket);
    });
    const shown = await ask(agent, middle.port);
    expect(shown.covers).toBe("both hosts");
    const [request] = await listed(agent.name);
    expect(request).toMatchObject({ id: shown.id, code_covers: "both" });
    expect(request?.code).not.toBe(shown.code);
    expect((await control.run("approve", [shown.id, "--code", shown.code])).status).toBe(1);
    expect(await shown.waiting.ended()).toBe(3);
    expect(await listed(agent.name)).toEqual([]);
  });

  test("asks for himself under the agent's name and the agent's request id: no better", async () => {
    const agent = await newAgent();
    const own = await newRequest(agent.name);
    using toController = new PairingClient(port);
    const { reqid = "", value = "" } = await begin(toController, own);
    const taken = { status: "pending", reqid };
    const answers = [() => ({ ...taken, value }), () => taken];
    await using middle = await playController(answers, await Authority.create());
    const shown = await ask(agent, middle.port);
    // Both values are known to him now, and nothing is left that he may choose.
    await toController.asks("/pair-reveal", { reqid, value: own.value });
    expect(await listed(agent.name)).toMatchObject([{ id: shown.id, code_covers: "both" }]);
    expect((await control.run("approve", [reqid, "--code", shown.code])).status).toBe(1);
    expect(await toController.reply()).toMatchObject({ reason: "wrong confirmation code" });
    await shown.waiting.stop("SIGINT");
  });

  test("forges the code of the old kind: approve --code refuses what it cannot tell apart", async () => {
    const code = oldCode(HONEST_REQUEST);
    expect(oldCode(FORGED_REQUEST)).toBe(code);
    // On the honest agent's screen stands this code; the request that came is the other one.
    using middle = new PairingClient(port);
    const body = { hostname: "web-01", csr: FORGED_REQUEST, nonce: NONCE };
    const { reqid = "" } = await middle.asks("/pair", body);
    expect(await listed("web-01")).toMatchObject([{ id: reqid, code }]);
    const { status, err } = await control.run("approve", [reqid, "--code", code]);
    expect(status).toBe(1);
    expect(err).toBe(
      "ctrl-exec: Cannot approve web-01 by its code: it covers the request alone, and can be forged\n" +
        "It was not decided. Compare the CA fingerprint on the agent's screen with this host's, which\n" +
        "pairing-mode shows, and the codes; then approve the request without --code.\n",
    );
    const records = readdirSync(control.folder.join("control", "state", "agents"));
    expect(records).not.toContain("web-01.json");
    // A wrong code is refused in the same words: nobody learns which one is right.
    const other = await control.run("approve", [reqid, "--code", "000000"]);
    expect(other.err).toBe(err);
    expect(await listed("web-01")).toHaveLength(1);
    await control.mustRun("deny", [reqid]);
  });

  test("speaks the old kind to the agent, whatever the control host knows: its screen says so", async () => {
    const agent = await newAgent();
    await using middle = await playController([() => pending], await Authority.create());
    const shown = await ask(agent, middle.port);
    const { csr } = JSON.parse(middle.received.split("\r\n\r\n")[1] ?? "");
    expect(shown.code).toBe(oldCode(csr));
    expect(shown.covers).toBe("the request alone");
    expect(shown.waiting.out).toContain(
      "It can be forged. Compare the CA fingerprints on both screens too.\n",
    );
    await shown.waiting.stop("SIGINT");
    // An old control host never hears of what it does not know.
    expect(middle.received.match(/POST/g)).toHaveLength(1);
  });
});

describe("T07 hosts of 0.8 and 1.0", () => {
  test("an agent: answered as ever, its code named for what it is, approved without --code", async () => {
    const { hostname, csr } = await newRequest("old-01");
    using client = new PairingClient(port);
    const reply = await client.asks("/pair", { hostname, csr, nonce: NONCE, port: 7450 });
    const { reqid = "" } = reply;
    expect(reply).toEqual({ status: "pending", reqid });
    const code = oldCode(csr);
    expect(await listed("old-01")).toMatchObject([{ id: reqid, code, code_covers: "request" }]);
    const { out, err } = await control.mustRun("list-requests");
    expect(out).toMatch(new RegExp(`^${reqid} +old-01 +127\\.0\\.0\\.1 +${code} +\\S+Z$`, "m"));
    expect(err).toContain(
      `Note: the code of old-01 (${reqid}) covers the request alone and can be forged: compare the CA fingerprints too.\n`,
    );
    expect((await control.run("approve", [reqid, "--code", code])).status).toBe(1);
    await control.mustRun("approve", [reqid]);
    expect(await client.reply()).toMatchObject({ status: "approved", nonce: NONCE });
  });

  test("a control host that shows no CA: the agent says what is left to compare", async () => {
    const agent = await newAgent();
    const { cert, key } = await (await Authority.create()).issue("ctrl-exec");
    await using peer = await Peer.tls({ cert, key }, (socket) =>
      socket.once("data", () => socket.write(http10(pending))),
    );
    const { waiting } = await ask(agent, peer.port);
    expect(waiting.out).toContain(
      "It can be forged. This control host shows no CA: compare the one that this agent names at the end.\n",
    );
    await waiting.stop("SIGINT");
  });
});

describe("T07 a control host that breaks off the exchange is not followed:", () => {
  const first = () => ({ ...pending, value: VALUE });
  test.each<[string, Parameters<typeof playController>[0], RegExp]>([
    [
      "a value that is not valid",
      [() => ({ ...pending, value: "12" })],
      /not that of a control host/,
    ],
    [
      "an error for an answer",
      [first, () => ({ status: "error", reason: "invalid request" })],
      /it refuses the request: invalid request\nSince 1\.0, a control host says why in its log: ACTION=pair-reject\./,
    ],
    [
      "a full queue, found late",
      [first, () => ({ status: "error", reason: "pairing queue full" })],
      /it refuses the request: pairing queue full/,
    ],
    [
      "another request's id",
      [first, () => ({ ...pending, reqid: "f".repeat(16) })],
      /its second answer is for another request/,
    ],
    ["nothing", [first], /closed the connection/],
    [
      "an approval before its time",
      [first, () => ({ status: "approved" })],
      /not that of a control host/,
    ],
  ])("%s", async (_, answers, words) => {
    const agent = await newAgent();
    await using peer = await playController(answers, await Authority.create());
    const { status, out, err } = await agent.run("request-pairing", agent.pairingArgs(peer.port));
    expect(status).toBe(1);
    // No code is shown that nobody would show at the other end.
    expect(out).toBe("");
    expect(err).toMatch(words);
    expect(existsSync(agent.path("agent.crt"))).toBe(false);
  });
});

test("T07 an agent that keeps its value to itself is closed, and never in the queue", async () => {
  await silent.closed;
  expect(await listed("silent")).toEqual([]);
  await until("the log has it", () =>
    control.log
      .of("pair-reject")
      .some(({ fields }) => fields.REASON === "no value for the confirmation code"),
  );
});
