/**
 * Hosts that cannot be reached, or must not be believed: every named host exactly once in the
 * result, with the likely cause in words a person can act on.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import type { RunState } from "../../../src/core/run-state.ts";
import { freePort } from "../../../src/system/net/free-port.ts";
import { Authority, minutesFromNow } from "../../support/authority.ts";
import { runProgram } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { startSServer } from "../../support/openssl-peers.ts";
import { http10, onRequest, Peer } from "../../support/peers.ts";

const DAY = 24 * 60;

let control: ControlHost;
let other: ControlHost;
let authority: Authority;
const peers: Peer[] = [];

beforeAll(async () => {
  control = await ControlHost.create(["read_timeout = 1", "max_hosts = 20"]);
  other = await ControlHost.create();
  authority = Authority.of(control);
  const mark = (name: string) => `touch ${control.folder.join(`${name}-ran`)}`;
  await control.startAgent("web-01", { scripts: { hang: "sleep 3", mark: mark("web-01") } });
  await control.startAgent("db-01", { scripts: { hang: "echo quick", mark: mark("db-01") } });
  await other.startAgent("foreign", { scripts: { mark: mark("foreign") } });
});

afterAll(async () => {
  for (const peer of peers) await peer[Symbol.asyncDispose]();
  await control[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

async function peer(making: Promise<Peer>): Promise<string> {
  const made = await making;
  peers.push(made);
  return `127.0.0.1:${made.port}`;
}

/** The error that `run` shows for one host, which must fail alone; its state is this one. */
async function errorOf(target: string, state: RunState = "never-ran"): Promise<string> {
  const { status, out, err } = await control.run("run", [target, "mark"]);
  expect(status).toBe(1);
  const block =
    /^==> (\S+) {2}\[FAIL {2}exit:-1 {2}\d+ms {2}req:([0-9a-f]{16})\]\n {4}ERROR: (.*)\n {4}STATE: (.*)\n$/.exec(
      out,
    );
  if (block === null) throw new Error(`not one failed block: ${out}`);
  const [, host = "", reqid = "", message = "", told = ""] = block;
  expect(host).toBe(target.replace(/:\d+$/, ""));
  expect(told).toMatch(state === "unknown" ? /^unknown: it may have run/ : /^never-ran$/);
  if (state === "never-ran") expect(err).toBe("");
  else {
    expect(err).toStartWith(`ctrl-exec: Cannot tell whether mark ran on ${host}: no result came\n`);
    expect(err).toContain(`look for REQID=${reqid} in the agent's log`);
  }
  // Words, not a library's code.
  expect(message).not.toMatch(/\bE[A-Z]{4,}\b|ERR_|_CERT/);
  return message;
}

test("a script that takes too long: the timeout, in time, and the others' results", async () => {
  const { status, out, err } = await control.run("run", ["web-01", "db-01", "hang"]);
  expect(status).toBe(1);
  expect(out).toMatch(
    /==> web-01 {2}\[FAIL {2}exit:-1 .*\n {4}ERROR: read timeout after 1s\n {4}STATE: running/,
  );
  expect(out).toMatch(/==> db-01 {2}\[OK .*\nquick\n/);
  expect(err).not.toContain("Cannot tell whether hang ran");
});

test("a port where nobody listens", async () => {
  const port = freePort();
  expect(await errorOf(`127.0.0.1:${port}`)).toStartWith(
    `connection refused by 127.0.0.1:${port}: no agent is listening there. Check that `,
  );
});

test("a name that nobody knows", async () => {
  expect(await errorOf("no-such-host.invalid:7443")).toMatch(
    /^cannot resolve the name of no-such-host\.invalid:7443/,
  );
});

test("an agent of another control host", async () => {
  const port = other.agents[0]?.port ?? 0;
  expect(await errorOf(`127.0.0.1:${port}`)).toBe(
    `the agent at 127.0.0.1:${port} shows a certificate that is not of this CA. It was paired with another control host, or something else listens there`,
  );
  expect(existsSync(control.folder.join("foreign-ran"))).toBe(false);
});

describe("T05", () => {
  test("another agent's certificate is refused by name, and nothing runs", async () => {
    const [web, db] = control.agents;
    await control.mustRun("edit-agent", ["web-01", `--agent-port=${db?.port}`]);
    try {
      expect(await errorOf("web-01")).toBe(
        "web-01 answered with the certificate of db-01: refused",
      );
      const pinged = await control.run("ping", ["web-01"]);
      expect(pinged.status).toBe(1);
      expect(pinged.err).toContain("web-01 answered with the certificate of db-01: refused");
      expect(existsSync(control.folder.join("db-01-ran"))).toBe(false);
    } finally {
      await control.mustRun("edit-agent", ["web-01", `--agent-port=${web?.port}`]);
    }
  });

  test("the registered name holds for a typed port as well", async () => {
    const [, db] = control.agents;
    expect(await errorOf(`web-01:${db?.port}`)).toContain("certificate of db-01: refused");
    expect(existsSync(control.folder.join("db-01-ran"))).toBe(false);
  });

  test("strict refuses hosts that nobody registered; ca takes any of the CA", async () => {
    const [web, db] = control.agents;
    const variant = (policy: string) =>
      control.folder.write(
        `control/${policy}.conf`,
        `state_dir = ${control.folder.join("control", "state")}\nverify_agent_identity = ${policy}\n`,
      );
    const ping = async (policy: string, target: string) => {
      const args = ["ping", target, "--config", variant(policy), "--log", control.log.path];
      return await runProgram("ctrl-exec", args);
    };
    const strange = await ping("strict", `localhost:${web?.port}`);
    expect(strange.status).toBe(1);
    expect(strange.err).toContain(
      "Cannot call localhost: it is not registered, and verify_agent_identity = strict",
    );
    expect((await ping("strict", `127.0.0.1:${web?.port}`)).status).toBe(0);
    expect((await ping("strict", "web-01")).status).toBe(0);
    expect((await ping("ca", `web-01:${db?.port}`)).status).toBe(0);
  });
});

test.each(["-tls1_2", "-tls1_3"])(
  "a host that refuses our certificate, over %s",
  async (version) => {
    const { cert, key } = await authority.issue("choosy");
    const stranger = await Authority.create();
    const port = freePort();
    await using _server = await startSServer(port, [
      version,
      "-cert",
      control.folder.write("choosy.pem", cert + key),
      "-CAfile",
      control.folder.write("stranger.pem", stranger.ca.pem),
      "-Verify",
      "1",
      "-verify_return_error",
    ]);
    expect(await errorOf(`127.0.0.1:${port}`)).toBe(
      `the agent at 127.0.0.1:${port} refuses this host's certificate: it is not of the CA it was paired with. Pair that host with this control host`,
    );
  },
);

const KEPT_OUT =
  "Its rate limit or its allowed_ips may keep this host out, or its connections are used up: look for ACTION=rate-block, ip-block, accept-fatal, tls-failure or hang-up in its log. To lift a block at once: systemctl reload ctrl-exec-agent, there";

test("a door that closes before the handshake: allowed_ips or the rate limit", async () => {
  const place = await peer(Peer.tcp((socket) => socket.destroy()));
  expect(await errorOf(place)).toBe(
    `the agent at ${place} closed the connection before TLS. ${KEPT_OUT}`,
  );
});

test("a door that closes in the middle of the handshake", async () => {
  const place = await peer(Peer.tcp((socket) => socket.once("data", () => socket.destroy())));
  expect(await errorOf(place)).toBe(
    `the agent at ${place} closed the connection before TLS. ${KEPT_OUT}`,
  );
});

test("something that does not speak TLS", async () => {
  const place = await peer(
    Peer.tcp((socket) => socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")),
  );
  expect(await errorOf(place)).toBe(
    `something at ${place} that is not an agent answers without TLS. Check the port`,
  );
});

test("a host that accepts and says nothing", async () => {
  const place = await peer(Peer.tcp(() => undefined));
  expect(await errorOf(place)).toBe("read timeout after 1s");
});

test.each([
  [
    "expired",
    minutesFromNow(-60 * DAY),
    "has expired. Pair it again, and check the clocks of both hosts",
  ],
  ["not valid yet", minutesFromNow(2 * DAY), "is not valid yet. Check the clocks of both hosts"],
])("an agent whose certificate is %s", async (_, now, words) => {
  const credential = await authority.issue("clock", { now });
  const place = await peer(Peer.tls(credential, () => undefined));
  expect(await errorOf(place)).toBe(`the certificate of the agent at ${place} ${words}`);
});

test.each([
  ["garbage", "\u0000\u0001\u0002 not HTTP\r\n\r\n", /answered with something that is not HTTP/],
  [
    "two lengths",
    "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    /^127\.0\.0\.1 answered wrongly: HTTP message without one Content-Length$/,
  ],
  [
    "a header that is not valid",
    "HTTP/1.0 200 OK\r\nnonsense\r\n\r\n{}",
    /^127\.0\.0\.1 answered wrongly: not an HTTP\/1 message$/,
  ],
  ["no JSON", http10("<html>"), /answered with something that is not JSON/],
  ["JSON of another kind", http10([1, 2]), /answered with status 200 and no result/],
  ["wrong types", http10({ exit: {}, stdout: 7 }), /answered with status 200 and no result/],
  ["a server error", http10({}, "500 Oops"), /answered with status 500 and no result/],
  [
    "half an answer",
    "HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\n{",
    /closed the connection before it answered/,
  ],
  ["nothing", "", /closed the connection before it answered/],
])("an agent that answers with %s", async (_, answer, words) => {
  const credential = await authority.issue("odd");
  const place = await peer(
    Peer.tls(credential, (socket) => onRequest(socket, () => socket.end(answer))),
  );
  expect(await errorOf(place, "unknown")).toMatch(words);
});

test.each([
  [
    "another serial",
    http10({ error: "serial mismatch" }, "403 Forbidden"),
    /^serial mismatch: it knows this control host by another certificate; pair it again/,
  ],
  ["no room", http10({ error: "too many" }, "429 Too Many Requests"), /^too many$/],
  ["no service", http10({}, "503 Service Unavailable"), /answered with status 503 and no result/],
])("an agent that refuses before it runs anything: %s", async (_, answer, words) => {
  const credential = await authority.issue("odd");
  const place = await peer(
    Peer.tls(credential, (socket) => onRequest(socket, () => socket.end(answer))),
  );
  expect(await errorOf(place, "never-ran")).toMatch(words);
});

test("many at once: every host exactly once, whatever happens to the others", async () => {
  const refused = Array.from({ length: 5 }, () => freePort());
  const closing = await Promise.all(
    Array.from({ length: 4 }, () => peer(Peer.tcp((socket) => socket.destroy()))),
  );
  const names = [...refused, ...closing.map((place) => Number(place.split(":")[1]))];
  // Each name may be given once, so each host has an address of its own.
  const hosts = names.map((port, index) => `127.0.0.${index + 2}:${port}`);
  const all = ["web-01", ...hosts, "db-01", "no-such-host.invalid"];
  const { status, out } = await control.run("run", [...all, "mark", "--json"]);
  expect(status).toBe(1);
  const { results } = JSON.parse(out);
  expect(results.map(({ host }: { host: string }) => host)).toEqual(
    all.map((host) => host.replace(/:\d+$/, "")),
  );
  const bad = results.filter(({ exit }: { exit: number }) => exit !== 0);
  expect(bad).toHaveLength(all.length - 2);
  for (const { error, state } of bad) {
    expect(error).toBeString();
    expect(state).toBe("never-ran");
  }
});
