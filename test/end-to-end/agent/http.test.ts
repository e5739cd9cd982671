import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { Authority } from "../../support/authority.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import {
  ask,
  controllerIdentity,
  exchange,
  get,
  type Identity,
  jsonOf,
  openTls,
  post,
  statusOf,
} from "../../support/raw-agent.ts";

let control: ControlHost;
let agent: TestAgent;
let good: Identity;

beforeAll(async () => {
  control = await ControlHost.create();
  agent = await control.startAgent("web-01", { scripts: { greet: 'echo "hello $1"' } });
  good = controllerIdentity(control);
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

const head = (line: string, ...headers: string[]) =>
  [line, "Host: agent", ...headers, "", ""].join("\r\n");

describe("T04 what is not in the table is refused before it is looked at", () => {
  const notFound = {
    "an unknown path": get("/"),
    "another method": get("/run"),
    "a query": post("/ping?x=1", {}),
    "a trailing slash": post("/ping/", {}),
    "a detour": post("/x/../ping", {}),
    "an escape": post("/%70ing", {}),
    "another case": post("/PING", {}),
    "two slashes": post("//ping", {}),
    "an absolute target": post("http://agent/ping", {}),
    "an asterisk": head("OPTIONS * HTTP/1.1"),
    "a name of Object's": get("/constructor"),
    "an unknown method": head("BREW /ping HTTP/1.1"),
    "a tunnel": head("CONNECT other:22 HTTP/1.1"),
  };
  for (const [kind, request] of Object.entries(notFound)) {
    test(kind, async () => {
      const outcome = await ask(agent.port, good, request);
      expect([statusOf(outcome), jsonOf(outcome)]).toEqual([404, { error: "not found" }]);
    });
  }

  const badRequest = {
    "lower case": head("post /ping HTTP/1.1"),
    "HTTP/0.9": "GET /capabilities\r\n\r\n",
    "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.0": head("GET /capabilities HTTP/3.0"),
    "no HTTP at all": "hello\r\n\r\n",
    "TLS inside TLS": Buffer.from("160301020001000001fc0303", "hex"),
    "a blank in the target": head("GET /capa bilities HTTP/1.1"),
    "a control byte in the target": head("GET /cap\u0001 HTTP/1.1"),
    "a header without a name": head("GET /capabilities HTTP/1.1", ": x"),
    "a blank before the colon": head("GET /capabilities HTTP/1.1", "X : x"),
    "a folded header": head("GET /capabilities HTTP/1.1", "X: a", " b"),
    "NUL in a header": head("GET /capabilities HTTP/1.1", "X: a\u0000b"),
    "bare line feeds": "GET /capabilities HTTP/1.1\nHost: agent\n\n",
    "two lengths": `${head("POST /ping HTTP/1.1", "Content-Length: 2", "Content-Length: 3")}{}`,
    "a negative length": head("POST /ping HTTP/1.1", "Content-Length: -1"),
    "a length in hex": head("POST /ping HTTP/1.1", "Content-Length: 0x2"),
  };
  for (const [kind, request] of Object.entries(badRequest)) {
    test(kind, async () => {
      expect(statusOf(await ask(agent.port, good, request))).toBe(400);
    });
  }

  const otherFraming = {
    chunks: `${head("POST /ping HTTP/1.1", "Transfer-Encoding: chunked")}2\r\n{}\r\n0\r\n\r\n`,
    "a length and chunks": `${head("POST /ping HTTP/1.1", "Content-Length: 2", "Transfer-Encoding: chunked")}0\r\n\r\n`,
    "an unknown one": head("POST /ping HTTP/1.1", "Transfer-Encoding: gzip"),
  };
  for (const [kind, request] of Object.entries(otherFraming)) {
    test(`a body framed another way: ${kind}`, async () => {
      const outcome = await ask(agent.port, good, request);
      const answer = { error: "a body needs a Content-Length" };
      expect([statusOf(outcome), jsonOf(outcome)]).toEqual([411, answer]);
    });
  }

  test("a stranger learns no route: the serial comes first", async () => {
    const stranger = await Authority.of(control).issue("web-02");
    for (const request of [get("/"), get("/nothing"), post("/run", {}), post("/ping", {})]) {
      const outcome = await ask(agent.port, stranger, request);
      expect([statusOf(outcome), jsonOf(outcome)]).toEqual([
        403,
        { error: "serial mismatch", status: "forbidden" },
      ]);
    }
    const outcome = await ask(agent.port, stranger, get("/capabilities"));
    expect([statusOf(outcome), jsonOf(outcome)]).toEqual([403, { error: "forbidden" }]);
    await agent.serving.seen(
      /ACTION=capabilities-deny PEER=127\.0\.0\.1 PEER_SERIAL=[0-9a-f]+ REASON="serial mismatch"/,
    );
  });
});

describe("bounds of a request", () => {
  test("32 headers pass, 33 do not", async () => {
    const headers = (count: number) => Array.from({ length: count }, (_, n) => `X-${n}: x`);
    // Host is one of them.
    expect(statusOf(await ask(agent.port, good, get("/capabilities", headers(31))))).toBe(200);
    const outcome = await ask(agent.port, good, get("/capabilities", headers(32)));
    expect([statusOf(outcome), jsonOf(outcome)]).toEqual([431, { error: "too many headers" }]);
  });

  test("a head beyond what the parser holds is refused the same way", async () => {
    const outcome = await ask(agent.port, good, get("/capabilities", [`X: ${"x".repeat(70_000)}`]));
    expect([statusOf(outcome), jsonOf(outcome)]).toEqual([431, { error: "too many headers" }]);
  });

  test("1 MiB of body passes, one byte more does not, sent or announced", async () => {
    const body = (length: number) => JSON.stringify({ reqid: "aa", pad: "" }).padEnd(length);
    const whole = await ask(agent.port, good, post("/ping", body(1_048_576)));
    expect([statusOf(whole), jsonOf(whole).reqid]).toEqual([200, "aa"]);
    const announced = await ask(agent.port, good, post("/ping", body(1_048_577)));
    expect([statusOf(announced), jsonOf(announced)]).toEqual([413, { error: "request too large" }]);
    const unsent = await ask(
      agent.port,
      good,
      `${head("POST /ping HTTP/1.1", "Content-Length: 1048577")}{`,
    );
    expect(statusOf(unsent)).toBe(413);
  });

  test("a refusal reaches a peer that is still sending", async () => {
    const length = 20_000_000;
    const request = head("POST /run HTTP/1.1", `Content-Length: ${length}`) + "x".repeat(length);
    const socket = openTls(agent.port, good);
    const sent = Promise.withResolvers<void>();
    socket.on("error", sent.reject);
    socket.write(request, () => sent.resolve());
    await sent.promise;
    // Read only now: a reset would have taken the answer along.
    const outcome = await exchange(socket, "");
    expect([statusOf(outcome), jsonOf(outcome)]).toEqual([413, { error: "request too large" }]);
    socket.destroy();
  });

  test("T11 a body that is not UTF-8 is refused, not repaired", async () => {
    const [before, after] = ['{"script":"greet","args":["', '"]}'];
    for (const bytes of [[0xff], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xe9]]) {
      const body = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
      const request = [
        Buffer.from(head("POST /run HTTP/1.1", `Content-Length: ${body.length}`)),
        body,
      ];
      const outcome = await ask(agent.port, good, Buffer.concat(request));
      expect([statusOf(outcome), jsonOf(outcome)]).toEqual([
        400,
        { error: "the body is not UTF-8" },
      ]);
    }
  });

  test("JSON of every make is data: deep, doubled, and with names of Object's", async () => {
    const deep = "[".repeat(400_000) + "]".repeat(400_000);
    const cases: readonly (readonly [body: string, answer: Record<string, unknown>])[] = [
      ["[".repeat(1_000_000), { exit: -1, error: "invalid JSON" }],
      [`{"script":"greet","args":["x"],"other":${deep}}`, { exit: 0, stdout: "hello x\n" }],
      [`{"script":"greet","args":["x"],"reqid":${deep}}`, { exit: -1, error: "invalid JSON" }],
      [`{"script":"greet","args":${deep}}`, { exit: -1, error: "args must be an array" }],
      ['{"script":"rm","script":"greet","args":["a"],"args":["b"]}', { stdout: "hello b\n" }],
      ['{"__proto__":{"script":"greet","args":[]}}', { exit: -1, error: "invalid JSON" }],
      ['{"script":"greet","args":["x"],"__proto__":{"reqid":"ee"}}', { exit: 0, reqid: "" }],
    ];
    for (const [body, answer] of cases) {
      const outcome = await ask(agent.port, good, post("/run", body));
      expect([body.slice(0, 60), jsonOf(outcome)]).toEqual([
        body.slice(0, 60),
        expect.objectContaining(answer),
      ]);
    }
  });

  test("nothing sent is an empty request", async () => {
    const socket = openTls(agent.port, good);
    const outcome = exchange(socket, "");
    socket.once("secureConnect", () => socket.end());
    expect([statusOf(await outcome), jsonOf(await outcome)]).toEqual([
      400,
      { error: "empty request" },
    ]);
  });

  test("a body over many TLS records is one request", async () => {
    const args = ["x".repeat(100_000)];
    const outcome = await ask(agent.port, good, post("/run", { script: "greet", args }));
    expect(jsonOf(outcome)).toMatchObject({ exit: 0, stdout: `hello ${args[0]}\n` });
  });

  test("requests in one go are all answered, in their order", async () => {
    const socket = openTls(agent.port, good);
    const all = Promise.withResolvers<void>();
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.match(/"reqid":"a\d"\}/g)?.length === 3) all.resolve();
    });
    socket.write(["a1", "a2", "a3"].map((reqid) => post("/ping", { reqid })).join(""));
    await all.promise;
    expect([...text.matchAll(/"reqid":"(a\d)"/g)].map(([, id]) => id)).toEqual(["a1", "a2", "a3"]);
    socket.destroy();
  });

  test("T21 a refusal is the last word: what a stranger asks after it is not heard", async () => {
    const stranger = await Authority.of(control).issue("web-03");
    const reqid = "bebe";
    const rejected = () =>
      agent.serving.err.match(new RegExp(`serial-reject .*REQID=${reqid}`, "g"));
    for (const count of [2, 8, 5000]) {
      const before = rejected()?.length ?? 0;
      const socket = openTls(agent.port, stranger);
      const closed = Promise.withResolvers<void>();
      let text = "";
      socket.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      socket.on("error", () => undefined);
      socket.on("close", () => closed.resolve());
      socket.write(post("/ping", { reqid }).repeat(count));
      await closed.promise;
      expect(text.match(/HTTP\/1\.1/g)?.length ?? 0).toBeLessThanOrEqual(1);
      await until("it is logged", () => (rejected()?.length ?? 0) > before);
      // By now whatever it asked behind the first would be in the log.
      expect(statusOf(await ask(agent.port, good, post("/ping", {})))).toBe(200);
      expect((rejected()?.length ?? 0) - before).toBe(1);
    }
  });

  test("T21 who asks ahead is answered in turn, and has to wait with the rest", async () => {
    const go = control.folder.join("go");
    const begun = control.folder.join("begun");
    const busy = await control.startAgent("web-05", {
      scripts: { wait: "touch $2; while ! test -e $1; do sleep 0.02; done" },
    });
    const socket = openTls(busy.port, good);
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.write(post("/run", { script: "wait", args: [go, begun] }));
    const ping = post("/ping", JSON.stringify({ reqid: "aa" }).padEnd(1_000_000));
    socket.write(ping.repeat(40));
    await until("the script runs", () => existsSync(begun));
    // As long as these take, the 40 MB could have gone.
    for (let count = 0; count < 20; count++) {
      expect(statusOf(await ask(busy.port, good, post("/ping", {})))).toBe(200);
    }
    expect(socket.writableLength).toBeGreaterThan(20_000_000);
    control.folder.write("go", "");
    await until("all are answered", () => text.match(/HTTP\/1\.1 200/g)?.length === 41);
    socket.destroy();
  });

  test("a body that waits to be asked for is asked for", async () => {
    const socket = openTls(agent.port, good);
    const outcome = exchange(
      socket,
      head("POST /ping HTTP/1.1", "Content-Length: 14", "Expect: 100-continue"),
    );
    expect(statusOf(await outcome)).toBe(100);
    expect(statusOf(await exchange(socket, '{"reqid":"aa"}'))).toBe(200);
    socket.destroy();
  });

  test("a request that breaks off is a bad one", async () => {
    const whole = post("/ping", { reqid: "aa" });
    for (const length of [4, 30, whole.length - 1]) {
      const socket = openTls(agent.port, good);
      const outcome = exchange(socket, "");
      socket.once("secureConnect", () => socket.end(whole.slice(0, length)));
      expect([statusOf(await outcome), jsonOf(await outcome)]).toEqual([
        400,
        { error: "bad request" },
      ]);
    }
  });

  test("HTTP/1.0 is answered and closed, as 0.8 does", async () => {
    const outcome = await ask(agent.port, good, "GET /capabilities HTTP/1.0\r\n\r\n");
    expect(statusOf(outcome)).toBe(200);
    expect(outcome).toMatchObject({ head: expect.stringMatching(/^connection: close$/im) });
  });
});

describe("POST /run", () => {
  const cases: Readonly<Record<string, [string, Record<string, unknown>]>> = {
    "no JSON": ["{", { exit: -1, error: "invalid JSON" }],
    "JSON that is no object": ["[]", { exit: -1, error: "invalid JSON" }],
    null: ["null", { exit: -1, error: "invalid JSON" }],
    "no script": ["{}", { exit: -1, error: "invalid JSON" }],
    "args that are text": [
      '{"script":"greet","args":"x"}',
      { exit: -1, error: "args must be an array" },
    ],
    "args with a number": [
      '{"script":"greet","args":[1]}',
      { exit: -1, error: "args must be an array" },
    ],
    "a script that is not listed": [
      '{"script":"rm","args":[],"reqid":"ab"}',
      { script: "rm", exit: -1, error: "script not permitted", reqid: "ab" },
    ],
    "a path for a script": [
      '{"script":"/bin/sh","args":[]}',
      { script: "/bin/sh", exit: -1, error: "script not permitted", reqid: "" },
    ],
    __proto__: [
      '{"script":"__proto__","args":[]}',
      { script: "__proto__", exit: -1, error: "script not permitted", reqid: "" },
    ],
  };
  for (const [kind, [body, answer]] of Object.entries(cases)) {
    test(kind, async () => {
      const outcome = await ask(agent.port, good, post("/run", body));
      expect([statusOf(outcome), jsonOf(outcome)]).toEqual([200, answer]);
    });
  }
});

test("T26 what a caller writes stays one field of one line", async () => {
  const script = `x" ACTION=run EXIT=0\nACTION=start \u001b[2J=\u202e${"y".repeat(900_000)}`;
  const before = agent.serving.err.split("\n").length;
  const outcome = await ask(agent.port, good, post("/run", { script, args: [], reqid: "cafe" }));
  expect(jsonOf(outcome).error).toBe("script not permitted");
  const [line] = await agent.serving.seen(/^.*REQID=cafe.*$/m);
  expect(line).toMatch(
    /^ctrl-exec-agent\[\d+\]: ACTION=deny PEER=127\.0\.0\.1 REQID=cafe SCRIPT="x\\" ACTION=run EXIT=0\\nACTION=start \\u001b\[2J=\\u202ey+\.\.\.\(\+\d+\)"$/,
  );
  expect(line.length).toBeLessThan(8192);
  expect(agent.serving.err.split("\n").length).toBe(before + 1);
});

test("T27 a token is in no log line and no process title", async () => {
  const token = "s3cr3t-t0ken";
  const asked = { script: "greet", args: [], reqid: "beef", username: "alice", token };
  expect(jsonOf(await ask(agent.port, good, post("/run", asked))).exit).toBe(0);
  await agent.serving.seen(/ACTION=run EXIT=0 .*REQID=beef/);
  await ask(agent.port, good, post("/run", { ...asked, script: "none", reqid: "bee5" }));
  await agent.serving.seen(/ACTION=deny .*REQID=bee5/);
  expect(agent.serving.err).not.toContain(token);
});
