/** The port that answers GET /metrics and nothing else. */
import { afterEach, describe, expect, test } from "bun:test";
import type { HttpServer } from "../../../../src/system/net/http-server.ts";
import { startMetricsServer } from "../../../../src/system/net/metrics-server.ts";
import { until } from "../../../support/folder.ts";

let server: HttpServer | undefined;

afterEach(() => {
  server?.stopAccepting();
  server?.closeAll();
});

const TOKEN = "0123456789abcdef";
const failures: unknown[] = [];

async function start(token?: string, text = async (format: string) => `the ${format} text\n`) {
  failures.length = 0;
  server = await startMetricsServer({
    bind: "127.0.0.1",
    port: 0,
    token: () => token,
    secureContext: () => undefined,
    text,
    onFailure: (thrown) => failures.push(thrown),
    onTlsFailure: () => undefined,
  });
  const { port } = server;
  return async (path: string, headers: Record<string, string> = {}, method = "GET") => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  };
}

test("GET /metrics is answered in the format that is asked for", async () => {
  const ask = await start();
  expect(await ask("/metrics")).toMatchObject({ status: 200, text: "the classic text\n" });
  expect(await ask("/metrics?name=x")).toMatchObject({ status: 200 });
  const open = await ask("/metrics", { accept: "application/openmetrics-text" });
  expect(open).toMatchObject({ status: 200, text: "the openmetrics text\n" });
  expect(open.headers.get("content-type")).toStartWith("application/openmetrics-text");
  expect(open.headers.get("cache-control")).toBe("no-store");
  expect(await ask("/metrics", {}, "HEAD")).toMatchObject({ status: 200, text: "" });
});

describe("T34 nothing else is given away", () => {
  test.each(["/", "/health", "/run", "/metrics/", "/metrics.json", "/%6detrics"])(
    "by %s",
    async (path) => {
      const ask = await start();
      expect(await ask(path)).toMatchObject({ status: 404, text: "only /metrics is here\n" });
    },
  );

  test.each(["POST", "PUT", "DELETE", "OPTIONS"])("to %s", async (method) => {
    const ask = await start();
    const answer = await ask("/metrics", {}, method);
    expect(answer).toMatchObject({ status: 405 });
    expect(answer.headers.get("allow")).toBe("GET, HEAD");
  });

  test.each([
    ["no token", {}],
    ["another token", { authorization: "Bearer 0123456789abcdeX" }],
    ["the beginning of it", { authorization: "Bearer 0123456789abcde" }],
    ["an empty one", { authorization: "Bearer " }],
    ["another scheme", { authorization: `Basic ${TOKEN}` }],
    ["it in the query alone", {}],
  ])("to who has %s, whatever is asked for", async (_, headers) => {
    const ask = await start(TOKEN);
    for (const path of ["/metrics", "/", `/metrics?token=${TOKEN}`]) {
      const answer = await ask(path, headers as Record<string, string>);
      expect(answer).toMatchObject({ status: 401, text: "no token\n" });
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
    }
  });

  test("of why the text could not be made", async () => {
    const ask = await start(undefined, () => Promise.reject(new Error("secret reason")));
    expect(await ask("/metrics")).toMatchObject({ status: 500, text: "see the log\n" });
    expect(failures).toMatchObject([{ message: "secret reason" }]);
  });
});

test("who has the token is answered", async () => {
  const ask = await start(TOKEN);
  for (const scheme of ["Bearer", "bearer"]) {
    const answer = await ask("/metrics", { authorization: `${scheme} ${TOKEN}` });
    expect(answer).toMatchObject({ status: 200, text: "the classic text\n" });
  }
});

test("T25 a page whose name was made to point here reads nothing", async () => {
  const ask = await start();
  const pages = [{ host: "evil.example.com" }, { origin: "http://evil.example.com" }];
  for (const headers of pages) {
    expect(await ask("/metrics", headers as Record<string, string>)).toMatchObject({ status: 403 });
  }
  expect(await ask("/metrics", { host: "localhost:7446" })).toMatchObject({ status: 200 });
});

test("T67 whoever asks while the text is made shares it", async () => {
  let made = 0;
  const first = Promise.withResolvers<void>();
  const ask = await start(undefined, async () => {
    made += 1;
    await first.promise;
    return `text ${made}`;
  });
  const asked = Array.from({ length: 5 }, () => ask("/metrics"));
  await until("it is made", () => made > 0);
  const open = ask("/metrics", { accept: "application/openmetrics-text" });
  await until("the other format is made", () => made > 1);
  first.resolve();
  for (const { status } of await Promise.all([...asked, open])) expect(status).toBe(200);
  expect(made).toBe(2);
  await ask("/metrics");
  expect(made).toBe(3);
});

test("T21 a body is not kept: the answer does not wait for it", async () => {
  const ask = await start();
  expect(await ask("/metrics", { "content-length": "0" }, "POST")).toMatchObject({ status: 405 });
  const { port } = server!;
  const socket = Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: { data: (_, chunk) => answered.resolve(chunk.toString()) },
  });
  const answered = Promise.withResolvers<string>();
  (await socket).write(
    "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\nx",
  );
  expect(await answered.promise).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*Connection: close/i);
  (await socket).end();
});
