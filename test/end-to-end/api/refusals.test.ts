/** What the API refuses early: the client is told, and what it held is given back. */
import { describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { TestApi } from "../../support/api.ts";
import { Authority } from "../../support/authority.ts";
import { runCommand } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";

const MIB = 1024 * 1024;
/** Body sizes, and how often each is sent: what is lost is lost by chance. */
const SENT: readonly (readonly [bytes: number, turns: number])[] = [
  [2 * MIB, 10],
  [12 * MIB, 3],
];

const OPEN = ["api_port = 0", "api_auth_default = allow"];

async function httpsLines(host: ControlHost): Promise<string[]> {
  const { cert, key } = await (await Authority.create()).issue("api");
  return [
    `api_cert = ${host.folder.write("api.crt", cert)}`,
    `api_key = ${host.folder.write("api.key", key, 0o600)}`,
  ];
}

/** The status that curl got, `000` when the answer was lost. */
async function curl(url: string, args: readonly string[]): Promise<string> {
  const output = ["-s", "-k", "-o", "/dev/null", "-w", "%{http_code}"];
  const { out } = await runCommand(["curl", ...output, ...args, url]);
  return out;
}

describe.each(["http", "https"] as const)(
  "T64 over %s curl is told why its body is refused:",
  (scheme) => {
    const cases: readonly (readonly [status: string, path: string, args: readonly string[]])[] = [
      ["413", "/run", ["-H", "Content-Type: application/json"]],
      ["413", "/run", ["-H", "Content-Type: application/json", "-H", "Expect:"]],
      ["413", "/run", ["-H", "Transfer-Encoding: chunked", "-H", "Expect:"]],
      ["413", "/run", ["-H", "Connection: close", "-H", "Expect:"]],
      ["413", "/run", ["--http1.0"]],
      ["404", "/nothing", ["-H", "Expect:"]],
      ["405", "/health", ["-H", "Expect:"]],
      ["431", "/run", ["-H", `X-Long: ${"x".repeat(90_000)}`, "-H", "Expect:"]],
      ["400", "/run", ["-H", "Content-Length: x", "-H", "Expect:"]],
    ];
    test(cases.map(([status]) => status).join(", "), async () => {
      await using host = await ControlHost.create(OPEN);
      if (scheme === "https") host.addLines(await httpsLines(host));
      await using api = await TestApi.start(host, scheme);
      for (const [size, turns] of SENT) {
        const body = ["--data-binary", `@${host.folder.write("body", "x".repeat(size))}`];
        for (const [status, path, args] of cases) {
          const got: string[] = [];
          for (let turn = 0; turn < turns; turn++) {
            got.push(await curl(api.url(path), [...args, ...body]));
          }
          expect([size, path, args.at(0), ...got]).toEqual([
            size,
            path,
            args.at(0),
            ...got.map(() => status),
          ]);
        }
      }
    }, 120_000);
  },
);

/** A request whose body is not whole, from an address of 127.0.0.0/8. */
async function begin(port: number, from: string, head: string, body: string): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, localAddress: from });
  socket.on("error", () => undefined);
  socket.write(
    `POST /ping HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${head}\r\n\r\n`,
  );
  await new Promise<void>((resolve) => socket.write(body, () => resolve()));
  return socket;
}

async function firstAnswer(socket: Socket): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.once("data", (chunk) => resolve(chunk.toString()));
  socket.once("close", () => resolve(""));
  return await promise;
}

test("T64 bodies whose next chunk cannot be parsed hold nothing: others are answered beside them", async () => {
  await using host = await ControlHost.create(OPEN);
  await using api = await TestApi.start(host);
  const broken = `${(MIB - 1).toString(16)}\r\n${"x".repeat(MIB - 1)}\r\nzz\r\n`;
  const sockets = await Promise.all(
    Array.from({ length: 70 }, () => {
      return begin(api.port, "127.0.0.1", "Transfer-Encoding: chunked", broken);
    }),
  );
  const answers = await Promise.all(sockets.map(firstAnswer));
  for (const answer of answers) expect(answer).toStartWith("HTTP/1.1 400 Bad Request\r\n");
  expect((await api.post("/ping", { hosts: ["127.0.0.1:1"] })).status).toBe(200);
  for (const socket of sockets) socket.destroy();
});

test("T64 one address that holds all the room for bodies keeps out only itself", async () => {
  await using host = await ControlHost.create(OPEN);
  await using api = await TestApi.start(host);
  const half = "x".repeat(MIB - 1);
  const sockets = await Promise.all(
    Array.from({ length: 70 }, () => {
      return begin(api.port, "127.0.0.2", `Content-Length: ${MIB}`, half);
    }),
  );
  // All the room is taken: some of them had to give way.
  expect(await Promise.race(sockets.map(firstAnswer))).toStartWith("HTTP/1.1 503 ");
  const json = JSON.stringify({ hosts: ["127.0.0.1:1"], padding: "x".repeat(MIB / 2) });
  for (let turn = 0; turn < 5; turn++) {
    const honest = await begin(api.port, "127.0.0.3", `Content-Length: ${json.length}`, json);
    // Not a 503: its body was taken and looked at.
    expect(await firstAnswer(honest)).toMatch(/^HTTP\/1\.1 (200|400) /);
    honest.destroy();
  }
  for (const socket of sockets) socket.destroy();
});

test("T61 a storm of bodies with many members, before the hook, keeps nobody waiting", async () => {
  await using host = await ControlHost.create(["api_port = 0"]);
  await using api = await TestApi.start(host);
  const members = Array.from({ length: 90_000 }, (_, index) => `"${index}":1`);
  const storm = Array.from({ length: 40 }, () =>
    fetch(api.url("/ping"), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: `{${members.join(",")}}`,
    }),
  );
  const health = await fetch(api.url("/health"), { signal: AbortSignal.timeout(10_000) });
  expect(health.status).toBe(403);
  for (const answer of await Promise.all(storm)) {
    const { detail } = (await answer.json()) as { detail: string };
    expect([answer.status, detail]).toEqual([400, "the body has more than 64 members"]);
  }
});
