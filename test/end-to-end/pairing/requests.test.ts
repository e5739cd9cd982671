/** What a control host takes into its queue, and what it makes of it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { connect } from "node:tls";
import { denyRequest } from "../../../src/controller/pairing/desk.ts";
import { CtrlExecError } from "../../../src/core/errors.ts";
import { programPath, Running, runCommand, runProgram } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { runOpenssl } from "../../support/openssl-peers.ts";
import { csrFor, NONCE, PairingStranger, pairPost } from "../../support/pairing-stranger.ts";

let control: ControlHost;
let port: number;

beforeAll(async () => {
  control = await ControlHost.create(["pairing_max_queue = 3"]);
  port = await control.pairingPort();
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

beforeEach(async () => {
  if (queueFiles().length === 0) return;
  for (const { id } of await control.requests()) {
    await denyRequest(await control.controller(), id).catch((thrown) => {
      // Whoever asked has left meanwhile, and the request with it.
      if (!(thrown instanceof CtrlExecError && thrown.code === "not-found")) throw thrown;
    });
  }
});

function queueFiles(): string[] {
  return readdirSync(control.folder.join("control", "state", "pairing"));
}

class Stranger extends PairingStranger {
  constructor(bytes: string) {
    super(port, bytes);
  }
}

async function asked(hostname: string, csr?: string, nonce = NONCE): Promise<string> {
  return pairPost({ hostname, csr: csr ?? (await csrFor("web-01")), nonce });
}

test("a sound request is queued, with the code both sides compute", async () => {
  const csr = await csrFor("web-01");
  using stranger = new Stranger(await asked("web-01", csr));
  const { status, reqid = "" } = await stranger.answered();
  expect(status).toBe("pending");
  expect(stranger.text).toStartWith("HTTP/1.0 200 OK\r\n");
  const digest = new Bun.CryptoHasher("sha256").update(csr).digest();
  const code = String(digest.readUInt32BE(0) % 1_000_000).padStart(6, "0");
  expect(await control.requests()).toMatchObject([
    { id: reqid, hostname: "web-01", ip: "127.0.0.1", code },
  ]);
  const { out } = await control.mustRun("list-requests");
  expect(out).toMatch(
    new RegExp(
      `^ID +HOSTNAME +IP +CODE +RECEIVED\\n[- ]+\\n${reqid} +web-01 +127\\.0\\.0\\.1 +${code} +\\S+Z\\n$`,
    ),
  );
});

test("the approved answer is a second whole response on the same connection", async () => {
  using stranger = new Stranger(await asked("web-01"));
  const { reqid = "" } = await stranger.answered();
  await control.mustRun("approve", [reqid]);
  await until("the answer is there", () => stranger.closed);
  const [, , , last = ""] = stranger.text.split(/\r\n\r\n|(?=HTTP\/1\.0)/);
  const answer = JSON.parse(last);
  expect(Object.keys(answer).sort()).toEqual([
    "ca",
    "cert",
    "dispatcher_serial",
    "nonce",
    "status",
  ]);
  expect(answer.nonce).toBe(NONCE);
  expect(answer.dispatcher_serial).toMatch(/^[0-9a-f]+$/);
  expect(stranger.text.match(/HTTP\/1\.0 200 OK\r\n/g)).toHaveLength(2);
});

test("T20 an answer that cannot be read is looked for again, and ends nobody's pairing", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01");
  const asking = agent.run("request-pairing", agent.pairingArgs(await control.pairingPort()));
  const id = await control.requestFor("web-01");
  const answer = control.folder.join("control", "state", "pairing", `${id}.approved`);
  mkdirSync(answer);
  const { fields } = await control.log.seen("pair-answer-fail");
  expect(fields).toEqual({ ERROR: `Cannot read ${answer}: it is a folder`, REQID: id });
  rmdirSync(answer);
  await control.mustRun("approve", [id]);
  expect((await asking).status).toBe(0);
});

test("T10 who approves what a killed pairing-mode has left is told that nobody delivers it", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01");
  const pairing = new Running("ctrl-exec", control.withSetting(["pairing-mode"]));
  const [, port] = await pairing.seen(/Waiting for pairing requests on port (\d+)/);
  const asking = agent.run("request-pairing", agent.pairingArgs(Number(port)));
  const id = await control.requestFor("web-01");
  await pairing.stop("SIGKILL");
  expect((await asking).status).toBe(1);
  const { status, err } = await control.run("approve", [id]);
  expect(err).toBe(
    "pairing-mode does not run on this host: the certificate may never arrive. Start it, and pair the host again.\n",
  );
  expect(status).toBe(0);
});

test("T07 a code is good for one decision only", async () => {
  using stranger = new Stranger(await asked("web-01"));
  const { reqid = "" } = await stranger.answered();
  await control.mustRun("deny", [reqid]);
  for (const mode of ["approve", "deny"]) {
    const { status, err } = await control.run(mode, [reqid]);
    expect(status).toBe(1);
    expect(err).toContain(
      `Cannot find a pairing request ${reqid}: no request with that id is waiting`,
    );
  }
});

test("T07 the queue is bounded: one more is refused, and logged", async () => {
  const waiting: Stranger[] = [];
  for (let index = 0; index < 3; index++) {
    const stranger = new Stranger(await asked("web-01"));
    expect((await stranger.answered()).status).toBe("pending");
    waiting.push(stranger);
  }
  using late = new Stranger(await asked("web-01"));
  expect(await late.answered()).toEqual({ status: "error", reason: "pairing queue full" });
  await control.log.seen("pair-reject", ({ REASON }) => REASON === "queue-full");
  const agent = await control.addAgent("late-01");
  const { status, err } = await agent.run("request-pairing", agent.pairingArgs(port));
  expect(status).toBe(1);
  expect(err).toContain(
    "it refuses the request: pairing queue full\nOther requests are waiting there",
  );
  for (const stranger of waiting) stranger[Symbol.dispose]();
  // Whoever goes away leaves room.
  await until("the queue is empty", async () => (await control.requests()).length === 0);
});

test("T19 refused callers who never hang up, and silent ones, keep no place from the others", async () => {
  const held: Socket[] = [];
  const hold = (from: string, bytes: string) => {
    // What the controller ends is not ended from here.
    const raw = connectTcp({ host: "127.0.0.1", port, localAddress: from, allowHalfOpen: true });
    raw.on("error", () => undefined);
    held.push(raw);
    if (bytes !== "") {
      const secure = connect({ socket: raw, rejectUnauthorized: false });
      secure.on("error", () => undefined);
      secure.write(bytes);
    }
    return new Promise((resolve) => raw.once("connect", resolve));
  };
  const places = 3 + 256;
  await Promise.all(Array.from({ length: places }, () => hold("127.0.0.2", "")));
  using honest = new Stranger(await asked("web-01"));
  expect((await honest.answered()).status).toBe("pending");
  for (const raw of held) raw.destroy();
  await Promise.all(
    Array.from({ length: places + 20 }, () => hold("127.0.0.1", "GET / HTTP/1.0\r\n\r\n")),
  );
  await until("a caller of the same address is heard again", async () => {
    using late = new Stranger(await asked("web-01"));
    return (await late.answered()).status === "pending";
  });
  for (const raw of held) raw.destroy();
});

describe("T06 a host name that is not valid is refused and becomes no file", () => {
  test.each([
    ["../../../tmp/evil"],
    ["..%2fevil"],
    ["a/b"],
    ["web-01/../../agents/db-01"],
    [""],
    ["."],
    ["../.."],
    ["-rf"],
    ["a b"],
    ["a\nb"],
    ["a\0b"],
    ["\u001b[2Jweb-01"],
    ["\u202eweb"],
    ["ünïcode"],
    ["x".repeat(64)],
    [`${"x.".repeat(127)}x`],
    // Approved, they would have no file or mean another host (T70).
    [`${"x.".repeat(125)}x`],
    ["2130706433"],
    ["127.1"],
  ])("%j", async (hostname) => {
    using stranger = new Stranger(await asked(hostname));
    expect(await stranger.answered()).toEqual({ status: "error", reason: "invalid request" });
    await until("the connection is closed", () => stranger.closed);
    expect(queueFiles()).toEqual([]);
  });
});

describe("an unsound request is refused:", () => {
  test("a CSR for another host", async () => {
    using stranger = new Stranger(await asked("web-01", await csrFor("db-01")));
    expect(await stranger.answered()).toEqual({ status: "error", reason: "invalid request" });
  });

  test("a CSR whose signature does not match", async () => {
    const key = control.folder.join("ec.key");
    await runOpenssl(["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key]);
    const der =
      await Bun.$`openssl req -new -key ${key} -subj /CN=web-01 -outform DER`.arrayBuffer();
    const bytes = Buffer.from(der);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    const lines = bytes.toString("base64").replace(/.{64}/g, "$&\n");
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${lines}\n-----END CERTIFICATE REQUEST-----\n`;
    using stranger = new Stranger(await asked("web-01", pem));
    expect(await stranger.answered()).toEqual({ status: "error", reason: "invalid request" });
  });

  test.each([
    ["RSA of 1024 bits", ["-newkey", "rsa:1024"]],
    ["two subjects", ["-newkey", "rsa:2048", "-subj", "/CN=web-01/CN=root"]],
    ["an organisation beside the name", ["-newkey", "rsa:2048", "-subj", "/CN=web-01/O=evil"]],
  ])("%s", async (_, wishes) => {
    const key = control.folder.join("new.key");
    const subject = wishes.includes("-subj") ? [] : ["-subj", "/CN=web-01"];
    const args = ["req", "-new", "-nodes", "-keyout", key, ...wishes, ...subject];
    using stranger = new Stranger(await asked("web-01", await runOpenssl(args)));
    expect(await stranger.answered()).toEqual({ status: "error", reason: "invalid request" });
  });

  test.each([
    ["no JSON", () => pairPost("{")],
    ["a list", () => pairPost([])],
    ["a nonce of another form", () => asked("web-01", undefined, "x".repeat(32))],
    ["a short nonce", () => asked("web-01", undefined, "abcd")],
    ["no CSR", () => pairPost({ hostname: "web-01", nonce: NONCE })],
    ["T04 another method", () => pairPost({}, "GET /pair HTTP/1.0")],
    ["T04 another route", () => pairPost({}, "POST /approve HTTP/1.0")],
    ["T04 an odd request line", () => pairPost({}, "POST  /pair  HTTP/1.0")],
    ["T04 a route with a query", () => pairPost({}, "POST /pair?x HTTP/1.0")],
    ["T04 no HTTP", () => "\u0000\u0001\u0002\r\n\r\n"],
    ["a body of 1 MiB", () => pairPost({ hostname: "x".repeat(1_048_576) })],
    ["an endless head", () => `POST /pair HTTP/1.0\r\nX: ${"x".repeat(20_000)}`],
    ["chunks", () => "POST /pair HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    [
      "two lengths",
      () => "POST /pair HTTP/1.0\r\nContent-Length: 2\r\nContent-Length: 4\r\n\r\n{}{}",
    ],
  ])("%s", async (_, bytes) => {
    const rejected = () => control.log.of("pair-reject");
    const before = rejected().length;
    using stranger = new Stranger(await bytes());
    expect(await stranger.answered()).toEqual({ status: "error", reason: "invalid request" });
    await until("the connection is closed", () => stranger.closed);
    await until("the log has it", () => rejected().length > before);
    expect(rejected().at(-1)?.fields.REASON).toBe("not a pairing request");
  });
});

test("only name and key pass from a request to the certificate", async () => {
  const key = control.folder.join("greedy.key");
  const csr = await runOpenssl([
    ...["req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-subj", "/CN=web-01"],
    ...["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "subjectAltName=DNS:db-01"],
  ]);
  using stranger = new Stranger(await asked("web-01", csr));
  const { reqid = "" } = await stranger.answered();
  await control.mustRun("approve", [reqid]);
  await until("the answer is there", () => stranger.closed);
  const answer = JSON.parse(stranger.text.slice(stranger.text.lastIndexOf("\r\n\r\n")));
  const text = await runOpenssl(["x509", "-noout", "-text"], answer.cert);
  expect(text).toContain("CA:FALSE");
  expect(text).toContain("DNS:web-01");
  expect(text).not.toContain("db-01");
  expect(text).toMatch(/TLS Web Server Authentication, TLS Web Client Authentication/);
});

test("T08 what the CA signs is valid since well before now", async () => {
  const ca = control.folder.join("control", "ca.crt");
  const own = control.folder.join("control", "ctrl-exec.crt");
  await control.addAgent("clock").then((agent) => agent.requestPairing());
  for (const file of [ca, own, control.folder.join("clock", "agent.crt")]) {
    const dates = await runOpenssl(["x509", "-noout", "-startdate", "-in", file]);
    const notBefore = Date.parse(dates.replace("notBefore=", ""));
    expect(Date.now() - notBefore).toBeGreaterThan(5 * 60_000);
  }
});

describe("T17 an id that is not a request id is never a file name", () => {
  test.each([
    ["../agents/clock"],
    ["../../../ca"],
    ["/etc/passwd"],
    ["0123456789ABCDEF"],
    ["0123456789abcde"],
    ["0123456789abcdef0"],
    ["0123456789abcdef.json"],
    ["."],
  ])("%j", async (id) => {
    const before = tree(control.folder.join("control"));
    const tried = ["approve", "deny"].map(async (mode) => await control.run(mode, [id]));
    for (const { status, err } of await Promise.all(tried)) {
      expect(status).toBe(1);
      expect(err).toContain(
        `Cannot find a pairing request ${id}: no request with that id is waiting`,
      );
    }
    expect(tree(control.folder.join("control"))).toEqual(before);
  });
});

function tree(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[]).sort();
}

test("T06 a name that is registered is replaced only with a word to the operator", async () => {
  await control.addAgent("taken").then((agent) => agent.requestPairing());
  using stranger = new Stranger(await asked("TAKEN", await csrFor("taken")));
  const { reqid = "" } = await stranger.answered();
  const { out } = await control.mustRun("approve", [reqid]);
  expect(out).toMatch(/Note: this replaces the earlier record of taken \(127\.0\.0\.1, paired /i);
  const records = readdirSync(control.folder.join("control", "state", "agents"));
  expect(records.filter((name) => /taken/i.test(name))).toEqual(["taken.json"]);
});

test("private keys are private from the first moment, whatever the umask", async () => {
  const folder = control.folder.join("second");
  control.folder.write("second/ctrl-exec.conf", `state_dir = ${folder}/state\n`);
  for (const mode of ["setup-ca", "setup-ctrl-exec"]) {
    const command = `umask 0; exec "$@"`;
    const args = [mode, "--config", `${folder}/ctrl-exec.conf`, "--log", control.log.path];
    const { status } = await runCommand([
      "sh",
      "-c",
      command,
      "sh",
      programPath("ctrl-exec"),
      ...args,
    ]);
    expect(status).toBe(0);
  }
  const mode = async (file: string) => (await Bun.file(`${folder}/${file}`).stat()).mode & 0o777;
  expect(await mode("ca.key")).toBe(0o600);
  expect(await mode("ctrl-exec.key")).toBe(0o600);
  expect(await mode("ca.crt")).toBe(0o644);
  const again = await runProgram("ctrl-exec", [
    ...["setup-ca", "--config", `${folder}/ctrl-exec.conf`, "--log", control.log.path],
  ]);
  expect(again.status).toBe(1);
  expect(again.err).toContain("ca.crt exists already");
  expect(existsSync(`${folder}/ca.crt`)).toBe(true);
  expect(readFileSync(`${folder}/ca.crt`, "utf8")).toContain("BEGIN CERTIFICATE");
});
