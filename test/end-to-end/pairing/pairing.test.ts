/** T07: what an agent accepts as the answer to its request, and what it stores. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { Authority, minutesFromNow } from "../../support/authority.ts";
import {
  type Asked,
  falseController,
  type HonestAnswer,
  keyOf,
} from "../../support/false-controller.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { makeKey, openssl } from "../../support/openssl.ts";
import { Peer } from "../../support/peers.ts";

const FILES = ["agent.key", "agent.crt", "ca.crt", "ctrl-exec-serial"] as const;

let control: ControlHost;
let authority: Authority;
let stranger: Authority;
let count = 0;

beforeAll(async () => {
  control = await ControlHost.create();
  authority = await Authority.create();
  stranger = await Authority.create();
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

async function newAgent(): Promise<TestAgent> {
  count += 1;
  return await control.addAgent(`web-${count}`);
}

const stored = (agent: TestAgent) => FILES.filter((file) => existsSync(agent.path(file)));

/** Pairs a new agent with what the test plays. */
async function pairWith(peer: Peer, more: readonly string[] = []) {
  const agent = await newAgent();
  const args = [...agent.pairingArgs(peer.port), ...more];
  const finished = await agent.run("request-pairing", args);
  return { agent, finished };
}

test("an honest answer is stored, each file with its mode", async () => {
  await using peer = await falseController({ authority, answer: (_, honest) => honest });
  const { agent, finished } = await pairWith(peer);
  expect(finished.status).toBe(0);
  expect(stored(agent)).toEqual([...FILES]);
  const mode = (file: string) => (statSync(agent.path(file)).mode & 0o777).toString(8);
  expect(FILES.map(mode)).toEqual(["640", "640", "644", "644"]);
  expect(readFileSync(agent.path("ctrl-exec-serial"), "utf8")).toMatch(/^[0-9a-f]+\n$/);
  const request = JSON.parse(peer.received.split("\r\n\r\n")[1] ?? "");
  expect(peer.received).toStartWith("POST /pair HTTP/1.0\r\n");
  expect(Object.keys(request).sort()).toEqual(["commitment", "csr", "hostname", "nonce", "port"]);
  expect(request.nonce).toMatch(/^[0-9a-f]{32}$/);
  expect(request.port).toBe(agent.port);
});

type Answer = (asked: Asked, honest: HonestAnswer) => unknown;

describe("T07 a wrong answer stores nothing:", () => {
  const cases: [string, Answer, RegExp][] = [
    ["another nonce", (_, honest) => ({ ...honest, nonce: "0".repeat(32) }), /another nonce/],
    ["no nonce", (_, { nonce: _nonce, ...rest }) => rest, /not that of a control host/],
    [
      "a certificate for another key",
      async ({ hostname }, honest) => ({ ...honest, cert: (await authority.issue(hostname)).cert }),
      /a certificate for another key/,
    ],
    [
      "a CA that did not sign the certificate",
      (_, honest) => ({ ...honest, ca: stranger.ca.pem }),
      /a certificate that its CA did not sign/,
    ],
    [
      "a certificate and a CA that are not the control host's own",
      async ({ hostname, csr }, honest) => {
        const { cert } = await stranger.issue(hostname, { publicKey: keyOf(csr) });
        return { ...honest, cert, ca: stranger.ca.pem };
      },
      /a CA that did not sign the control host's own certificate/,
    ],
    [
      "a certificate for another host",
      async ({ csr }, honest) => {
        const { cert } = await authority.issue("db-01", { publicKey: keyOf(csr) });
        return { ...honest, cert };
      },
      /a certificate for another host/,
    ],
    ["no serial", (_, honest) => ({ ...honest, dispatcher_serial: "zz" }), /no serial/],
    [
      "no certificate",
      (_, honest) => ({ ...honest, cert: "-----BEGIN" }),
      /its certificate cannot be read/,
    ],
    ["another status", () => ({ status: "maybe" }), /not that of a control host/],
    [
      "garbage for HTTP",
      () => "SSH-2.0-OpenSSH\r\n\r\n",
      /its answer is not HTTP: not an HTTP\/1 message/,
    ],
    [
      "garbage for JSON",
      () => "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{]",
      /not answer in JSON/,
    ],
    [
      "an endless answer",
      () => `HTTP/1.0 200 OK\r\nContent-Length: 9999999\r\n\r\n${"x".repeat(100_000)}`,
      /too long/,
    ],
    ["an endless head", () => `HTTP/1.0 200 OK\r\nX: ${"x".repeat(100_000)}`, /too long/],
    ["a closed door", () => undefined, /closed the connection/],
  ];
  test.each(cases)("%s", async (_, answer, words) => {
    await using peer = await falseController({ authority, answer });
    const { agent, finished } = await pairWith(peer);
    expect(finished.status).toBe(1);
    expect(finished.err).toMatch(/^ctrl-exec-agent: Cannot /m);
    expect(finished.err).toMatch(words);
    expect(stored(agent)).toEqual([]);
  });

  test("the answer to an earlier request, replayed", async () => {
    let earlier: HonestAnswer | undefined;
    await using peer = await falseController({
      authority,
      answer: (_, honest) => {
        earlier ??= honest;
        return earlier;
      },
    });
    const first = await pairWith(peer);
    expect(first.finished.status).toBe(0);
    const { agent, finished } = await pairWith(peer);
    expect(finished.status).toBe(1);
    expect(finished.err).toContain("another nonce");
    expect(stored(agent)).toEqual([]);
  });

  test("an agent that is paired already keeps what it has", async () => {
    await using honest = await falseController({ authority, answer: (_, answer) => answer });
    const { agent } = await pairWith(honest);
    const content = () => FILES.map((file) => readFileSync(agent.path(file), "utf8"));
    const before = content();
    await using liar = await falseController({
      authority,
      answer: (_, answer) => ({ ...answer, nonce: "0".repeat(32) }),
    });
    const again = await agent.run("request-pairing", agent.pairingArgs(liar.port));
    expect(again.status).toBe(1);
    expect(content()).toEqual(before);
  });
});

test("a controller whose own wait is over: no answer in time, exit 2", async () => {
  await using peer = await falseController({
    authority,
    answer: () => ({ status: "denied", reason: "approval timeout" }),
  });
  const { agent, finished } = await pairWith(peer);
  expect(finished.status).toBe(2);
  expect(finished.err).toContain("Nobody approved the request in time. Nothing was stored");
  expect(stored(agent)).toEqual([]);
});

test("a reason with terminal escapes is shown without them", async () => {
  await using peer = await falseController({
    authority,
    answer: () => ({ status: "denied", reason: "\u001b[2Jno\nACTION=forged" }),
  });
  const { finished } = await pairWith(peer);
  expect(finished.status).toBe(3);
  expect(finished.err).not.toContain("\u001b");
});

const FORGED = "no.\nPaired. Certificate: /etc/x\r\u009b2J\u202edlrow\u007f";
const SHOWN = "no. Paired. Certificate: /etc/x^M<U+009B>2J<U+202E>dlrow<U+007F>";

test("T74 a refusal draws no line of its own on the screen of request-pairing", async () => {
  await using denying = await falseController({
    authority,
    answer: () => ({ status: "denied", reason: FORGED }),
  });
  const denied = (await pairWith(denying)).finished;
  expect(denied.err).toContain(`\nDenied: ${SHOWN}. Nothing was stored.\n`);
  await using refusing = await falseController({
    authority,
    pending: { status: "error", reason: FORGED },
    answer: () => undefined,
  });
  const refused = (await pairWith(refusing)).finished;
  expect(refused.err).toMatch(
    /^ctrl-exec-agent: Cannot pair with \S+: it refuses the request: no\. /,
  );
  expect(refused.err).toContain(SHOWN);
  expect([denied.status, refused.status]).toEqual([3, 1]);
});

describe("--ca-fingerprint", () => {
  const honestly: Answer = (_, honest) => honest;

  test("the right one pairs, in any spelling", async () => {
    const port = await control.pairingPort();
    for (const text of [
      control.caFingerprint,
      control.caFingerprint.toUpperCase().replace("SHA256", "sha256"),
      `sha256:${control.caFingerprint.slice(7).match(/../g)?.join(":")}`,
    ]) {
      const agent = await newAgent();
      const args = [...agent.pairingArgs(port), `--ca-fingerprint=${text}`];
      const waiting = agent.run("request-pairing", args);
      await control.mustRun("approve", [await control.requestFor(agent.name)]);
      expect((await waiting).status).toBe(0);
      expect(stored(agent)).toEqual([...FILES]);
    }
  });

  test("T07 a wrong one: not one byte of the request is sent", async () => {
    await using peer = await falseController({ authority, answer: honestly });
    const expected = `sha256:${"0".repeat(64)}`;
    const { agent, finished } = await pairWith(peer, [`--ca-fingerprint=${expected}`]);
    expect(finished.status).toBe(1);
    expect(finished.err).toContain(`Cannot pair: the CA of 127.0.0.1:${peer.port} is not`);
    expect(finished.err).toContain(`Expected ${expected}\nFound    ${authority.ca.fingerprint}\n`);
    expect(finished.err).toContain("Nothing was sent to it.");
    expect(peer.connections).toBe(1);
    expect(peer.received).toBe("");
    expect(stored(agent)).toEqual([]);
  });

  test("T07 a stolen CA certificate in front of a false leaf: nothing is sent", async () => {
    const server = await stranger.issue("ctrl-exec");
    await using peer = await falseController({
      authority: stranger,
      server,
      chain: authority.ca.pem,
      answer: honestly,
    });
    const { agent, finished } = await pairWith(peer, [
      `--ca-fingerprint=${authority.ca.fingerprint}`,
    ]);
    expect(finished.status).toBe(1);
    expect(peer.received).toBe("");
    expect(stored(agent)).toEqual([]);
  });

  test("a controller that sends no CA along (0.8): nothing is sent, and the person is told why", async () => {
    await using peer = await falseController({ authority, chain: "", answer: honestly });
    const { agent, finished } = await pairWith(peer, [
      `--ca-fingerprint=${authority.ca.fingerprint}`,
    ]);
    expect(finished.status).toBe(1);
    expect(finished.err).toContain("does not send its CA");
    expect(finished.err).toContain("this agent shows the CA once it is paired: compare it then.");
    expect(peer.received).toBe("");
    expect(stored(agent)).toEqual([]);
  });

  test("T07 a CA with a key of a kind that nobody uses has signed nothing", async () => {
    const key = makeKey(control.folder, "Ed448");
    const chain = openssl(control.folder, "req", "-x509", "-key", key, "-subj", "/CN=x");
    await using peer = await falseController({ authority, chain, answer: honestly });
    const { agent, finished } = await pairWith(peer, [
      `--ca-fingerprint=${authority.ca.fingerprint}`,
    ]);
    expect(finished.status).toBe(1);
    expect(finished.err).toContain("does not send its CA");
    expect(peer.received).toBe("");
    expect(stored(agent)).toEqual([]);
  });

  test("T07 the CA that comes back must be the one of the handshake", async () => {
    await using peer = await falseController({
      authority,
      answer: (_, honest) => ({ ...honest, ca: stranger.ca.pem }),
    });
    const { agent, finished } = await pairWith(peer, [
      `--ca-fingerprint=${authority.ca.fingerprint}`,
    ]);
    expect(finished.status).toBe(1);
    expect(stored(agent)).toEqual([]);
  });
});

test.each([5, 50])("T08 a control host whose clock is %p minutes ahead pairs", async (minutes) => {
  const ahead = await Authority.create({ now: minutesFromNow(minutes) });
  await using peer = await falseController({
    authority: ahead,
    server: await ahead.issue("ctrl-exec", { now: minutesFromNow(minutes) }),
    answer: async ({ hostname, csr }, honest) => {
      const wishes = { publicKey: keyOf(csr), now: minutesFromNow(minutes) };
      return { ...honest, cert: (await ahead.issue(hostname, wishes)).cert };
    },
  });
  const { agent, finished } = await pairWith(peer);
  expect(finished.status).toBe(0);
  expect(stored(agent)).toEqual([...FILES]);
  // It serves with what it was given: nothing of it is "not valid yet".
  await agent.serve();
});

test("something that is not a control host at all", async () => {
  await using plain = await Peer.tcp((socket) => socket.end("220 mail.example.com ESMTP\r\n"));
  const { agent, finished } = await pairWith(plain);
  expect(finished.status).toBe(1);
  expect(finished.err).toContain("that is not a control host answers without TLS");
  expect(stored(agent)).toEqual([]);
});

describe("T07 a paired agent that poses as the control host", () => {
  const relay = async () =>
    await falseController({
      authority,
      answer: (_, honest) => honest,
      server: await authority.issue("web-99"),
    });

  test("gets nothing from an agent, be the CA's fingerprint known to it or not", async () => {
    await using peer = await relay();
    for (const more of [[], [`--ca-fingerprint=${authority.ca.fingerprint}`]]) {
      const { agent, finished } = await pairWith(peer, more);
      expect(finished.status).toBe(1);
      expect(finished.err).toContain(
        "is not a control host\nIt shows the certificate of web-99. Nothing was sent to it.\n",
      );
      expect(stored(agent)).toEqual([]);
    }
    expect(peer.received).toBe("");
  });

  test("cannot be paired under the control host's name to begin with", async () => {
    const agent = await control.addAgent("ctrl-exec");
    const finished = await agent.run(
      "request-pairing",
      agent.pairingArgs(await control.pairingPort()),
    );
    expect(finished.status).toBe(2);
    expect(finished.err).toContain(
      "ctrl-exec is the control host's own name\nGive one with --hostname",
    );
  });
});
