/** What is sent, to whom alone, and for how long. The servers are real. */
import { afterEach, expect, test } from "bun:test";
import { createServer } from "node:net";
import { type Post, post } from "../../../../src/system/net/post.ts";
import { TestFolder } from "../../../support/folder.ts";

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

function serve(answer: (request: Request) => Response | Promise<Response>, tls?: Bun.TLSOptions) {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer, ...(tls && { tls }) });
  stops.push(() => void server.stop(true));
  return server.port;
}

function send(url: string, more: Partial<Post> = {}): Promise<number> {
  return post({
    url: new URL(url),
    headers: { "X-Test": "yes" },
    body: '{"ü":1}',
    timeoutMs: 5000,
    ca: undefined,
    signal: new AbortController().signal,
    ...more,
  });
}

async function problem(sent: Promise<number>): Promise<string> {
  return await sent.then((status) => `answered ${status}`, String);
}

test("the body and its headers arrive, and the status comes back", async () => {
  const got: string[] = [];
  const port = serve(async (request) => {
    got.push(request.method, request.headers.get("x-test") ?? "", await request.text());
    got.push(new URL(request.url).search);
    return new Response("no matter", { status: 503 });
  });
  expect(await send(`http://127.0.0.1:${port}/a?b=c`)).toBe(503);
  expect(got).toEqual(["POST", "yes", '{"ü":1}', "?b=c"]);
});

test("T35 a redirect is not followed", async () => {
  let asked = 0;
  const other = serve(() => {
    asked += 1;
    return new Response();
  });
  const port = serve(() => Response.redirect(`http://127.0.0.1:${other}/`, 307));
  expect(await send(`http://127.0.0.1:${port}/`)).toBe(307);
  expect(asked).toBe(0);
});

test("T35 an endless answer is not read", async () => {
  const port = serve(() => {
    const chunk = new Uint8Array(65_536);
    return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(chunk) }));
  });
  expect(await send(`http://127.0.0.1:${port}/`)).toBe(200);
});

test("T35 one that never answers is given up in time, and nobody waits for one who is to stop", async () => {
  const silent = createServer(() => undefined).listen(0, "127.0.0.1");
  stops.push(() => void silent.close());
  await new Promise((resolve) => silent.once("listening", resolve));
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : 0;
  const url = `http://127.0.0.1:${port}/`;
  expect(await problem(send(url, { timeoutMs: 50 }))).toContain("no answer within 0.05 s");
  const stop = new AbortController();
  const sent = problem(send(url, { signal: stop.signal }));
  stop.abort();
  expect(await sent).toContain("it was interrupted");
});

test("T35 interim answers without end are cut off, and hold up nothing", async () => {
  const interim = Buffer.from("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(20_000));
  const flooding = createServer((socket) => {
    const flood = () => {
      while (socket.writable && socket.write(interim));
    };
    socket
      .on("error", () => undefined)
      .on("drain", flood)
      .once("data", flood);
  }).listen(0, "127.0.0.1");
  stops.push(() => void flooding.close());
  await new Promise((resolve) => flooding.once("listening", resolve));
  const address = flooding.address();
  const port = typeof address === "object" ? address?.port : 0;
  const sent = problem(send(`http://127.0.0.1:${port}/`));
  expect(await sent).toContain("it sends headers without end");
});

test("nobody there is said", async () => {
  const port = serve(() => new Response());
  for (const stop of stops.splice(0)) stop();
  expect(await problem(send(`http://127.0.0.1:${port}/`))).toContain("ECONNREFUSED");
});

test("T35 TLS is verified: the authority, and the name", async () => {
  using folder = new TestFolder();
  const [key, cert] = [folder.join("key.pem"), folder.join("cert.pem")];
  const made = Bun.spawnSync([
    ..."openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(" "),
    ..."-subj /CN=localhost -addext subjectAltName=DNS:localhost".split(" "),
    ...["-keyout", key, "-out", cert],
  ]);
  expect(made.exitCode).toBe(0);
  let got = 0;
  const answer = () => {
    got += 1;
    return new Response();
  };
  const port = serve(answer, { key: Bun.file(key), cert: Bun.file(cert) });
  const ca = await Bun.file(cert).text();
  expect(await problem(send(`https://localhost:${port}/`))).toContain("self signed");
  expect(await problem(send(`https://127.0.0.1:${port}/`, { ca }))).toContain("altnames");
  expect(got).toBe(0);
  expect(await send(`https://localhost:${port}/`, { ca })).toBe(200);
});
