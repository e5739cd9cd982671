/**
 * The wire as a 0.8 controller uses it: raw HTTP over OpenSSL, to an agent that 0.8 set up (RSA-4096,
 * X.509 v1, serials that count up) and to one of this version (ECDSA).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { programPath } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { LegacyAuthority, runOpenssl, sClient } from "../../support/openssl-peers.ts";

const SCRIPTS = { show: 'printf "%s." "$@"; cat >/dev/null; echo oops >&2; exit 3' };

let control: ControlHost;
let legacy: LegacyAuthority;

interface Pair {
  readonly agent: TestAgent;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}
const pairs: Record<"RSA" | "ECDSA", Pair> = {} as Record<"RSA" | "ECDSA", Pair>;

beforeAll(async () => {
  control = await ControlHost.create();
  const path = (name: string) => control.folder.join("control", name);
  const [modern] = await Promise.all([
    control.startAgent("new-01", { scripts: SCRIPTS }),
    setUpLegacy(),
  ]);
  pairs.ECDSA = {
    agent: modern,
    cert: path("ctrl-exec.crt"),
    key: path("ctrl-exec.key"),
    ca: path("ca.crt"),
  };
});

/** The folder as 0.8 left it; only the binary is new. */
async function setUpLegacy(): Promise<void> {
  legacy = await LegacyAuthority.create(control.folder);
  const [own, controller] = await Promise.all([
    legacy.issue("old-01", "02"),
    legacy.issue("ctrl-exec", "03"),
  ]);
  const agent = await control.addAgent("old-01", { scripts: SCRIPTS });
  const copy = (name: string, from: string, mode: number) =>
    control.folder.write(`old-01/${name}`, readFileSync(from), mode);
  copy("agent.crt", own.cert, 0o640);
  copy("agent.key", own.key, 0o640);
  copy("ca.crt", legacy.caFile, 0o644);
  control.folder.write("old-01/ctrl-exec-serial", "03\n");
  await agent.serve();
  pairs.RSA = { agent, ...controller, ca: legacy.caFile };
}

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

type Kind = keyof typeof pairs;
const KINDS: Kind[] = ["RSA", "ECDSA"];

async function send(kind: Kind, bytes: string, more: readonly string[] = []): Promise<string> {
  const { agent, cert, key, ca } = pairs[kind];
  return await sClient({ port: agent.port, cert, key, ca, more }, bytes);
}

/** As LWP sends it, or as a hand-written HTTP/1.0 client does. */
function http(version: "1.0" | "1.1", line: string, body: string): string {
  const head = [
    `${line} HTTP/${version}`,
    ...(version === "1.1"
      ? [
          "TE: deflate,gzip;q=0.3",
          "Connection: TE, close",
          "Host: 127.0.0.1:7443",
          "User-Agent: libwww-perl/6.68",
        ]
      : []),
    ...(body === ""
      ? []
      : ["Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`]),
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

interface Reply {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

/** Fails unless it is one whole response with a Content-Length. */
function parse(answer: string): Reply {
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  const [line = "", ...rest] = head.split("\r\n");
  const headers = Object.fromEntries(
    rest.map((text) => [
      text.slice(0, text.indexOf(":")).toLowerCase(),
      text.slice(text.indexOf(":") + 1).trim(),
    ]),
  );
  expect(line).toMatch(/^HTTP\/1\.[01] \d{3} /);
  expect(headers["content-length"]).toBe(String(Buffer.byteLength(body)));
  expect(headers["transfer-encoding"]).toBeUndefined();
  return { status: Number(line.split(" ")[1]), headers, body: JSON.parse(body) };
}

const RUN = {
  script: "show",
  args: ["a b", "ü"],
  reqid: "a1b2c3d4e5f60718",
  username: "alice",
  token: null,
};

test("the RSA pair is what 0.8 made: version 1, 4096 bits, serial 03", async () => {
  const text = await runOpenssl(["x509", "-in", pairs.RSA.cert, "-noout", "-text"]);
  expect(text).toContain("Version: 1 (0x0)");
  expect(text).toContain("Public-Key: (4096 bit)");
  expect(text).toContain("Serial Number: 3 (0x3)");
});

describe.each(KINDS)("%s", (kind) => {
  describe.each(["1.0", "1.1"] as const)("HTTP/%s", (version) => {
    test("POST /run", async () => {
      const { status, headers, body } = parse(
        await send(kind, http(version, "POST /run", JSON.stringify(RUN))),
      );
      expect(status).toBe(200);
      expect(headers["content-type"]).toBe("application/json");
      expect(body).toEqual({
        script: "show",
        exit: 3,
        stdout: "a b.ü.",
        stderr: "oops\n",
        reqid: "a1b2c3d4e5f60718",
      });
    });

    test("POST /ping", async () => {
      const { status, body } = parse(
        await send(kind, http(version, "POST /ping", '{"reqid":"00ff"}')),
      );
      expect(status).toBe(200);
      const cert = pairs[kind].agent.path("agent.crt");
      const end = await runOpenssl(["x509", "-in", cert, "-noout", "-enddate"]);
      expect(body).toEqual({
        status: "ok",
        host: hostname(),
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        expiry: end.trim().replace("notAfter=", ""),
        reqid: "00ff",
      });
    });

    test("GET /capabilities", async () => {
      const { status, body } = parse(await send(kind, http(version, "GET /capabilities", "")));
      expect(status).toBe(200);
      expect(body).toEqual({
        status: "ok",
        host: hostname(),
        version: expect.any(String),
        scripts: [
          { name: "show", path: pairs[kind].agent.path("scripts/show.sh"), executable: true },
        ],
        tags: {},
      });
    });
  });

  test.each([
    [
      "an unlisted script",
      { ...RUN, script: "rm-rf" },
      "script not permitted",
      { script: "rm-rf", reqid: RUN.reqid },
    ],
    ["arguments that are not a list", { ...RUN, args: "a b" }, "args must be an array", {}],
    ["no JSON", "{", "invalid JSON", {}],
  ])("%s: the texts that tools match on", async (_, body, error, named) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const reply = parse(await send(kind, http("1.1", "POST /run", text)));
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual({ ...named, exit: -1, error });
  });

  test("an unknown route is 404, a body over 1 MiB 413, too many headers 431", async () => {
    const route = parse(await send(kind, http("1.1", "POST /exec", "{}")));
    expect([route.status, route.body]).toEqual([404, { error: "not found" }]);
    const big = parse(await send(kind, "POST /run HTTP/1.0\r\nContent-Length: 1048577\r\n\r\n{"));
    expect([big.status, big.body]).toEqual([413, { error: "request too large" }]);
    const whole = parse(await send(kind, http("1.0", "POST /run", "x".repeat(1_048_577))));
    expect([whole.status, whole.body]).toEqual([413, { error: "request too large" }]);
    const headers = Array.from({ length: 33 }, (_, index) => `X-${index}: 1`).join("\r\n");
    const many = parse(await send(kind, `POST /run HTTP/1.0\r\n${headers}\r\n\r\n`));
    expect([many.status, many.body]).toEqual([431, { error: "too many headers" }]);
  });

  test("a request of many TLS records, up to 1 MiB, is one request", async () => {
    const args = Array.from({ length: 9 }, (_, index) => String(index).repeat(100_000));
    const { body } = parse(
      await send(kind, http("1.0", "POST /run", JSON.stringify({ ...RUN, args }))),
    );
    expect(body).toMatchObject({ exit: 3, stdout: `${args.join(".")}.` });
  });

  test("T11 what no program can be given is refused in words, and the agent goes on", async () => {
    const one = (arg: string) =>
      send(kind, http("1.0", "POST /run", JSON.stringify({ ...RUN, args: [arg] }))).then(parse);
    expect((await one("a\0b")).body).toMatchObject({
      exit: -1,
      error: expect.stringContaining("NUL"),
    });
    expect((await one("x".repeat(200_000))).body).toMatchObject({
      exit: 126,
      error: expect.stringContaining("longer than this system allows"),
    });
    expect((await one("fine")).body).toMatchObject({ exit: 3, stdout: "fine." });
  });

  const suites12 = ["AES256-GCM-SHA384", "AES128-GCM-SHA256"].map(
    (suite) => `ECDHE-${kind}-${suite}`,
  );
  const suites13 = [
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
  ];
  test.each([
    ...suites12.map((suite) => ["-tls1_2", "-cipher", suite]),
    ...suites13.map((suite) => ["-tls1_3", "-ciphersuites", suite]),
  ])("%s %s %s", async (...more) => {
    const { status } = parse(await send(kind, http("1.0", "POST /ping", "{}"), more));
    expect(status).toBe(200);
  });

  test("nothing older than TLS 1.2, and no other suite", async () => {
    const ping = http("1.0", "POST /ping", "{}");
    expect(await send(kind, ping, ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"])).toBe("");
    expect(await send(kind, ping, ["-tls1_2", "-cipher", "AES128-SHA:AES256-SHA256"])).toBe("");
  });
});

test("a serial is a number: 03 is 3 is 0003, and 13 is another", async () => {
  const { agent } = pairs.RSA;
  const ping = async () => parse(await send("RSA", http("1.0", "POST /ping", "{}"))).status;
  for (const [text, status] of [
    ["3", 200],
    ["0003", 200],
    ["13", 403],
    ["03", 200],
  ] as const) {
    await agent.stop();
    control.folder.write("old-01/ctrl-exec-serial", `${text}\n`);
    await agent.serve();
    expect([text, await ping()]).toEqual([text, status]);
  }
});

test("a certificate of the same CA that is not the controller's: 403 in 0.8's words", async () => {
  const other = await legacy.issue("old-02", "04");
  const { agent, ca } = pairs.RSA;
  const ask = async (bytes: string) =>
    parse(await sClient({ port: agent.port, ...other, ca }, bytes));
  const run = await ask(http("1.1", "POST /run", JSON.stringify(RUN)));
  expect([run.status, run.body]).toEqual([403, { error: "serial mismatch", status: "forbidden" }]);
  const list = await ask(http("1.1", "GET /capabilities", ""));
  expect([list.status, list.body]).toEqual([403, { error: "forbidden" }]);
});

test("without a certificate there is no answer at all", async () => {
  const { agent, ca } = pairs.RSA;
  expect(await sClient({ port: agent.port, ca }, http("1.0", "POST /ping", "{}"))).toBe("");
});

test("T63 a 0.8 control host still announces its next serial; an agent's of 0.8 lets nobody in", async () => {
  const { agent, ca, key } = pairs.RSA;
  const copied = control.folder.write("present.crt", readFileSync(pairs.RSA.cert));
  const controller = { cert: copied, key };
  const [next, other] = [await legacy.issue("ctrl-exec", "05"), await legacy.issue("old-03", "06")];
  const call = async (by: { cert: string; key: string }, bytes: string) =>
    parse(await sClient({ port: agent.port, cert: by.cert, key: by.key, ca }, bytes));
  const ping = async (by: { cert: string; key: string }) =>
    (await call(by, http("1.0", "POST /ping", "{}"))).status;
  const announce = async (serial: string) => {
    const body = { ...RUN, script: "update-ctrl-exec-serial", args: [serial] };
    const { body: answer } = await call(controller, http("1.1", "POST /run", JSON.stringify(body)));
    expect(answer).toMatchObject({ exit: 0 });
  };
  agent.writeAllowlist([`update-ctrl-exec-serial = ${programPath("update-ctrl-exec-serial")}`]);
  await agent.stop();
  await agent.serve();
  await announce("06");
  expect(await ping(other)).toBe(403);
  await agent.serving.seen(
    /ACTION=serial-reject .*REASON="nothing distinguishes the certificate of old-03 from an agent's"/,
  );
  expect(await ping(controller)).toBe(200);
  await announce("05");
  expect([await ping(other), await ping(controller), await ping(next)]).toEqual([403, 200, 200]);
  expect(await ping(controller)).toBe(403);
});
