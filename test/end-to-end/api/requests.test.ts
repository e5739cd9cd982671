/** What the API takes from a request, and that it passes over nothing. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { TestApi } from "../../support/api.ts";
import { runCommand } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";

let host: ControlHost;
let api: TestApi;
let mark: string;

beforeAll(async () => {
  host = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  mark = host.folder.join("mark");
  await host.startAgent("web-01", { scripts: { mark: `touch ${mark}`, echo: 'echo "$@"' } });
  api = await TestApi.start(host);
});

afterAll(async () => {
  await api.stop();
  await host[Symbol.asyncDispose]();
});

interface Refusal {
  readonly detail: string;
}

describe("nothing of a request is passed over: 400 names it, and nothing runs", () => {
  const order = { hosts: ["web-01"], script: "mark" };

  test.each([
    ["arg", 'unknown member "arg"; did you mean args?'],
    ["arguments", 'unknown member "arguments"; did you mean args?'],
    ["__proto__", 'unknown member "__proto__"; expected one of hosts, except, limit'],
  ])("the member %s", async (name, detail) => {
    const body = JSON.stringify(order).replace(/}$/, `,"${name}":["--dry-run"]}`);
    const answer = await api.post("/run", body);
    expect(answer.status).toBe(400);
    expect((answer.json as Refusal).detail).toStartWith(detail);
    expect(existsSync(mark)).toBe(false);
  });

  test("a query parameter of any route", async () => {
    const run = await api.post("/run?args=--dry-run", order);
    expect([run.status, (run.json as Refusal).detail]).toEqual([
      400,
      'unknown query parameter "args"; args goes into the JSON body',
    ]);
    for (const path of [
      "/",
      "/health",
      "/discovery",
      "/openapi.json",
      "/status/0123456789abcdef",
    ]) {
      const { status, text } = await api.get(`${path}?token=sesame`);
      expect([path, status]).toEqual([path, 400]);
      expect(text).not.toContain("sesame");
    }
    expect((await api.get("/health?")).status).toBe(200);
    expect(existsSync(mark)).toBe(false);
  });

  test("a body of a route that takes none", async () => {
    const body = JSON.stringify({ hosts: ["web-01"] });
    const head = `Host: 127.0.0.1\r\nConnection: close\r\nContent-Length: ${body.length}`;
    const answer = await api.raw(`GET /discovery HTTP/1.1\r\n${head}\r\n\r\n${body}`);
    expect(answer).toStartWith("HTTP/1.1 400 ");
    expect(answer).toContain("GET /discovery takes no body");
  });
});

describe("a body of another type than JSON", () => {
  const JSON_BODY = JSON.stringify({ hosts: ["web-01"], script: "echo", args: ["hi"] });
  const FORM = { "Content-Type": "application/x-www-form-urlencoded" };

  test("is taken when it is JSON and no browser sent it: curl -d, and no type at all", async () => {
    for (const type of [[], ["-H", "Content-Type:"], ["-H", "Content-Type: text/plain"]]) {
      const { out } = await runCommand(["curl", "-s", ...type, "-d", JSON_BODY, api.url("/run")]);
      expect(JSON.parse(out)).toMatchObject({ ok: true, results: [{ stdout: "hi\n" }] });
    }
  });

  test("T25 is 415 from a browser, whatever page it shows", async () => {
    for (const said of [
      { Origin: "http://evil.example" },
      { Origin: "null" },
      { "Sec-Fetch-Site": "cross-site" },
      { "Sec-Fetch-Site": "none" },
      { "Sec-Fetch-Mode": "no-cors" },
    ]) {
      for (const type of [FORM, { "Content-Type": "text/plain" }]) {
        expect((await api.post("/run", JSON_BODY, { ...type, ...said })).status).toBe(415);
      }
    }
    expect(existsSync(mark)).toBe(false);
  });

  test.each<[string, Record<string, string>, string | Buffer]>([
    ["is not JSON", FORM, "hosts=web-01"],
    ["is packed", { ...FORM, "Content-Encoding": "gzip" }, JSON_BODY],
    ["is not UTF-8", FORM, Buffer.from("hosts=\xff", "latin1")],
  ])("is 415 when it %s", async (_, headers, body) => {
    const { status } = await fetch(api.url("/run"), { method: "POST", headers, body });
    expect(status).toBe(415);
  });

  test("is judged as JSON's own is: a member that is not known, a list", async () => {
    expect((await api.post("/run", '{"hosts":["web-01"],"arg":[]}', FORM)).status).toBe(400);
    expect((await api.post("/run", "[]", FORM)).status).toBe(400);
    // What curl -d sends of a slip.
    const broken = await api.post("/run", '{"hosts":["web-01"],', FORM);
    expect([broken.status, broken.json]).toEqual([
      400,
      { ok: false, error: "bad request", detail: "the body is not JSON" },
    ]);
  });
});
