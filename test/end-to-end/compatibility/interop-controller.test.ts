/** 0.8 agents called by this controller, and pairing across the two versions, in both directions. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { type Finished, runProgram } from "../../support/binary.ts";
import { type Asked, REQUEST_ID } from "../../support/false-controller.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import {
  LegacyAuthority,
  type LegacyCredential,
  runOpenssl,
  sClient,
} from "../../support/openssl-peers.ts";
import { http10, onRequest, Peer } from "../../support/peers.ts";

let control: ControlHost;
let legacy: LegacyAuthority;
let agentCredential: LegacyCredential;
let controllerCredential: LegacyCredential;
/** The control host that 0.8 set up, with the binary replaced. */
let config: string;

beforeAll(async () => {
  control = await ControlHost.create();
  legacy = await LegacyAuthority.create(control.folder);
  [agentCredential, controllerCredential] = await Promise.all([
    legacy.issue("old-01", "02"),
    legacy.issue("ctrl-exec", "03"),
  ]);
  const text = (path: string) => readFileSync(path, "utf8");
  control.folder.write("old/ca.crt", text(legacy.caFile));
  control.folder.write("old/ctrl-exec.crt", text(controllerCredential.cert));
  control.folder.write("old/ctrl-exec.key", text(controllerCredential.key), 0o600);
  const state = control.folder.join("old", "state");
  config = control.folder.write("old/ctrl-exec.conf", `state_dir = ${state}\ntimeout = 10\n`);
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

/** A 0.8 agent: HTTP/1.0 by hand, Content-Length, one response, then it closes. */
async function legacyAgent(
  answer: (head: string, body: string) => string,
  credential = agentCredential,
): Promise<Peer> {
  const read = (path: string) => readFileSync(path, "utf8");
  const files = { cert: read(credential.cert), key: read(credential.key), ca: read(legacy.caFile) };
  return await Peer.tls(files, (socket) =>
    onRequest(socket, (head, body) => socket.end(answer(head, body))),
  );
}

/** As the registry of 0.8 has it: no port, no serial. */
function register(hostname: string): void {
  const record = {
    hostname,
    ip: "127.0.0.1",
    paired: "2025-01-15T12:00:00Z",
    expiry: "Jun  7 16:28:00 2027 GMT",
    reqid: REQUEST_ID,
    dispatcher_serial: "03",
    serial_status: "current",
    serial_broadcast: null,
    serial_confirmed: "2025-01-15T12:00:00Z",
  };
  control.folder.write(`old/state/agents/${hostname}.json`, JSON.stringify(record));
}

async function ctrlExec(mode: string, args: readonly string[]): Promise<Finished> {
  const setting = ["--config", config, "--log", control.log.path];
  return await runProgram("ctrl-exec", [mode, ...setting, ...args]);
}

const asked = (body: string) =>
  JSON.parse(body) as { script: string; args: string[]; reqid: string };

test("run: what is sent, and what 0.8 answers", async () => {
  register("old-01");
  await using agent = await legacyAgent((_, body) => {
    const { script, args, reqid } = asked(body);
    return http10({ script, exit: 0, stdout: `${args.join("|")}\n`, stderr: "", reqid });
  });
  const { status, out, err } = await ctrlExec("run", [
    ...["old-01", "greet", `--port=${agent.port}`, "--username=alice", "--json", "--"],
    ...["a b", "ü"],
  ]);
  expect(err).toBe("");
  expect(status).toBe(0);
  const [result] = JSON.parse(out).results;
  expect(result).toMatchObject({ host: "old-01", exit: 0, stdout: "a b|ü\n" });
  const [head = "", body = ""] = agent.received.split("\r\n\r\n");
  const [line, ...headers] = head.split("\r\n");
  expect(line).toBe("POST /run HTTP/1.1");
  expect(headers.length).toBeLessThanOrEqual(32);
  const lower = headers.map((header) => header.toLowerCase());
  expect(lower).toContain("connection: close");
  expect(lower).toContain(`content-length: ${Buffer.byteLength(body)}`);
  expect(lower.filter((header) => header.startsWith("transfer-encoding"))).toEqual([]);
  expect(JSON.parse(body)).toEqual({
    script: "greet",
    args: ["a b", "ü"],
    reqid: result.reqid,
    lock: 1,
    stream: 1,
    username: "alice",
    token: "",
  });
  expect(agent.connections).toBe(1);
});

test("ping: version and expiry are those of the agent", async () => {
  register("old-01");
  const answer = {
    status: "ok",
    host: "old-01",
    version: "0.8.3",
    expiry: "Jun  7 16:28:00 2027 GMT",
  };
  await using agent = await legacyAgent((_, body) =>
    http10({ ...answer, reqid: asked(body).reqid }),
  );
  const { status, out } = await ctrlExec("ping", ["old-01", `--port=${agent.port}`]);
  expect(status).toBe(0);
  expect(out).toMatch(/^old-01 +ok +\d+ms +Jun {2}7 16:28:00 2027 GMT +0\.8\.3$/m);
  expect(agent.received).toStartWith("POST /ping HTTP/1.1\r\n");
  const [, body = ""] = agent.received.split("\r\n\r\n");
  expect(JSON.parse(body)).toEqual({ reqid: expect.stringMatching(/^[0-9a-f]{16}$/), tags: 1 });
});

test.each([
  ["running", "unknown", "the agent says that the script has not ended"],
  ["later", "unknown", "the agent does not say whether the script ran"],
])("a state %s with exit 0 is not a success, and is not guessed at", async (told, state, error) => {
  register("old-01");
  await using agent = await legacyAgent(() => http10({ exit: 0, stdout: "x", state: told }));
  const { status, out } = await ctrlExec("run", [
    ...["old-01", "greet", `--port=${agent.port}`, "--json"],
  ]);
  expect(status).toBe(1);
  expect(JSON.parse(out).results).toMatchObject([{ exit: 0, stdout: "x", state, error }]);
});

describe("what 0.8 says otherwise", () => {
  const cases: [string, string, Record<string, unknown>][] = [
    [
      "an exit code as text",
      http10({ exit: "3", stdout: "", stderr: "x" }),
      { exit: 3, stderr: "x", state: "ended" },
    ],
    [
      "a script that never ran",
      http10({ exit: -1, error: "script not permitted" }),
      { exit: -1, error: "script not permitted", state: "never-ran" },
    ],
    [
      "a hook that refuses",
      http10({ exit: -1, error: "not authorised: bad credentials" }),
      { exit: -1, error: "not authorised: bad credentials", state: "never-ran" },
    ],
    [
      "another serial",
      http10({ error: "serial mismatch", status: "forbidden" }, "403 Forbidden"),
      { exit: -1, error: "serial mismatch", state: "never-ran" },
    ],
    [
      "a revoked certificate",
      http10({ error: "certificate revoked" }, "403 Forbidden"),
      { exit: -1, error: "certificate revoked", state: "never-ran" },
    ],
    ["no stderr at all", http10({ exit: 0, stdout: "x" }), { exit: 0, stdout: "x", stderr: "" }],
    [
      "126, of a signal as of what cannot be executed",
      http10({ exit: 126, stdout: "", stderr: "" }),
      { exit: 126, state: "unknown", error: "the agent does not say whether the script ran" },
    ],
    [
      "an answer without a length",
      'HTTP/1.0 200 OK\r\n\r\n{"exit":0,"stdout":"y"}',
      { exit: 0, stdout: "y" },
    ],
  ];
  test.each(cases)("%s", async (_, answer, expected) => {
    register("old-01");
    await using agent = await legacyAgent(() => answer);
    const { out } = await ctrlExec("run", ["old-01", "greet", `--port=${agent.port}`, "--json"]);
    expect(JSON.parse(out).results).toMatchObject([{ host: "old-01", ...expected }]);
  });
});

test("T05 a v1 certificate has a common name, and it must be the registered one", async () => {
  register("old-02");
  let calls = 0;
  await using agent = await legacyAgent(() => {
    calls += 1;
    return http10({ exit: 0, stdout: "" });
  });
  const { status, out } = await ctrlExec("run", ["old-02", "greet", `--port=${agent.port}`]);
  expect(status).toBe(1);
  expect(out).toContain("old-02 answered with the certificate of old-01: refused");
  expect(calls).toBe(0);
  expect(agent.received).toBe("");
});

test("the registry of 0.8 is listed as it is", async () => {
  register("old-01");
  const { status, out } = await ctrlExec("list-agents", ["--json"]);
  expect(status).toBe(0);
  expect(JSON.parse(out)).toContainEqual(
    expect.objectContaining({
      hostname: "old-01",
      ip: "127.0.0.1",
      paired_at: "2025-01-15T12:00:00Z",
      cert_expiry: "2027-06-07T16:28:00Z",
      serial: "",
      // 0.8 records none.
      port: 7443,
    }),
  );
});

test("pairing with a 0.8 controller: no CA along, RSA, a v1 certificate, serial 03", async () => {
  const read = (path: string) => readFileSync(path, "utf8");
  const server = { cert: read(controllerCredential.cert), key: read(controllerCredential.key) };
  await using peer = await Peer.tls(server, (socket) =>
    onRequest(socket, async (_, body) => {
      const { csr, nonce } = JSON.parse(body) as Asked;
      socket.write(http10({ status: "pending", reqid: REQUEST_ID }));
      const cert = await legacy.sign(csr, "05");
      const answer = {
        status: "approved",
        cert,
        ca: read(legacy.caFile),
        nonce,
        dispatcher_serial: "03",
      };
      socket.end(http10(answer));
    }),
  );
  const agent = await control.addAgent("new-01", { scripts: { greet: "echo hi" } });
  const finished = await agent.run("request-pairing", agent.pairingArgs(peer.port));
  expect(finished.err).toContain("Paired.");
  expect(finished.status).toBe(0);
  expect(finished.out).toContain(`Request id:         ${REQUEST_ID}\n`);
  await agent.serve();
  const { cert, key } = controllerCredential;
  const request = { script: "greet", args: [], reqid: "00", username: "", token: "" };
  const bytes = http10(request).replace("HTTP/1.0 200 OK", "POST /run HTTP/1.0");
  const answer = await sClient({ port: agent.port, cert, key, ca: legacy.caFile }, bytes);
  expect(answer).toContain('"stdout":"hi\\n"');
  // 0.8 sends what other fields we add along unread; the request must still be one it accepts.
  expect(peer.received).toStartWith("POST /pair HTTP/1.0\r\n");
  expect(existsSync(agent.path("agent.crt"))).toBe(true);
});

test.each([
  ["RSA", () => readFileSync(legacy.hostKeyFile, "utf8")],
  ["ECDSA", () => runOpenssl(["ecparam", "-name", "prime256v1", "-genkey", "-noout"])],
])(
  "a 0.8 agent pairs here with an %s key: two whole responses on one connection",
  async (kind, make) => {
    const name = `legacy-${kind.toLowerCase()}`;
    const port = await control.pairingPort();
    const keyFile = control.folder.write(`${name}.key`, await make(), 0o600);
    const csr = await runOpenssl(["req", "-new", "-key", keyFile, "-subj", `/CN=${name}`]);
    const nonce = "00112233445566778899aabbccddeeff";
    const bytes = http10({ hostname: name, csr, nonce }).replace(
      "HTTP/1.0 200 OK",
      "POST /pair HTTP/1.0",
    );
    const waiting = sClient({ port }, bytes);
    const id = await control.requestFor(name);
    await control.mustRun("approve", [id]);
    const [, pending = "", approved = ""] = (await waiting).split(/HTTP\/1\.0 200 OK\r\n/);
    const body = (message: string) => {
      const [head = "", text = ""] = message.split("\r\n\r\n");
      expect(head).toContain(`Content-Length: ${Buffer.byteLength(text)}`);
      return JSON.parse(text);
    };
    expect(body(pending)).toEqual({ status: "pending", reqid: id });
    const answer = body(approved);
    expect(answer).toMatchObject({ status: "approved", nonce });
    expect(answer.dispatcher_serial).toMatch(/^[0-9a-f]+$/);
    const ca = control.folder.write(`${name}.ca`, answer.ca);
    const cert = control.folder.write(`${name}.crt`, answer.cert);
    expect(await runOpenssl(["verify", "-CAfile", ca, cert])).toContain(": OK");

    // With what it got it is an agent that this controller calls.
    const credential = { cert: answer.cert, key: readFileSync(keyFile, "utf8"), ca: answer.ca };
    await using agent = await Peer.tls(credential, (socket) =>
      onRequest(socket, () => socket.end(http10({ exit: 0, stdout: "from 0.8\n", stderr: "" }))),
    );
    const { status, out } = await control.run("run", [name, "greet", `--port=${agent.port}`]);
    expect(out).toContain("from 0.8\n");
    expect(status).toBe(0);
  },
);

test("hosts that paired as 0.8 are listed like any other", async () => {
  await until("nothing waits any more", async () => {
    return (await control.requests()).length === 0;
  });
  const { out } = await control.mustRun("list-agents");
  expect(out).toMatch(/^legacy-rsa +127\.0\.0\.1 /m);
  expect(out).toMatch(/^legacy-ecdsa +127\.0\.0\.1 /m);
});
