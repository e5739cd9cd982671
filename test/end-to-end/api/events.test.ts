/** A run's events over HTTP: as they come, and without a gap, whatever is cut or killed meanwhile. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { TestApi } from "../../support/api.ts";
import { runCommand } from "../../support/binary.ts";
import { EventClient } from "../../support/event-client.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";

const OPEN = ["api_port = 0", "api_auth_default = allow"];

/** Prints as many lines on each stream, and bytes that are no text, and keeps a copy of them. */
const COUNT = [
  'i=0; while [ $i -lt "$1" ]; do',
  '  printf "%d né\\377日\\n" $i | tee -a "$2.out"; printf "%d no\\n" $i | tee -a "$2.err" >&2',
  "  i=$((i + 1)); sleep 0.01",
  "done; exit 3",
].join("\n");

/** Says one thing, and the other when it may. */
const TWICE = 'echo one; until [ -e "$1" ]; do sleep 0.02; done; echo two >&2; exit 4';

let host: ControlHost;
let api: TestApi;

beforeAll(async () => {
  host = await ControlHost.create(OPEN);
  const scripts = {
    count: COUNT,
    twice: TWICE,
    flood: 'head -c "$1" /dev/zero | tr "\\0" x',
    quick: 'echo "quick $1"',
  };
  const config = ["max_output = 64M"];
  await host.startAgent("web-01", { scripts, config });
  await host.startAgent("db-01", { scripts, config });
  api = await TestApi.start(host);
});

afterAll(async () => {
  await api.stop();
  await host[Symbol.asyncDispose]();
});

const origin = (of = api) => of.url("");

async function started(script: string, args: readonly string[] = [], hosts = ["web-01"]) {
  let reqid = "";
  // The test before may have left one that is about to end.
  await until(`${script} may run`, async () => {
    const { status, json } = await api.post("/run", { hosts, script, args, detach: true });
    if (status === 202) reqid = (json as { reqid: string }).reqid;
    return status !== 409;
  });
  expect(reqid).not.toBe("");
  return reqid;
}

async function following(reqid: string): Promise<EventClient> {
  const client = new EventClient(`/runs/${reqid}/events`);
  expect((await client.connect(origin())).status).toBe(200);
  return client;
}

test("curl sees what a script prints while it runs, then how it ended, and the stream is over", async () => {
  const go = host.folder.join("go-curl");
  const { headers, json } = await api.post("/run", {
    hosts: ["web-01"],
    script: "twice",
    args: [go],
    detach: true,
  });
  const { reqid } = json as { reqid: string };
  expect(headers.get("location")).toBe(`/status/${reqid}`);
  const [, path = ""] = /^<(.*)>; rel="monitor"/.exec(headers.get("link") ?? "") ?? [];
  expect(path).toBe(`/runs/${reqid}/events`);
  const file = host.folder.join("curl.out");
  const curl = runCommand(["curl", "-sSN", "-D", `${file}.head`, "-o", file, api.url(path)]);
  await until(
    "the first line is here",
    () => existsSync(file) && readFileSync(file, "utf8").includes("one"),
  );
  expect(readFileSync(file, "utf8")).not.toContain('"end"');
  host.folder.write("go-curl", "");
  expect((await curl).status).toBe(0);
  const blocks = readFileSync(file, "utf8").split("\n\n");
  expect(blocks[0]).toBe("retry: 2000");
  const data = blocks.flatMap((block) => /^data: (.*)$/m.exec(block)?.[1] ?? []);
  expect(data.map((text) => JSON.parse(text))).toMatchObject([
    { event: "start", reqid, host: "web-01", script: "twice" },
    { event: "stdout", stream: "stdout", offset: 0, data: "one\n" },
    { event: "stderr", stream: "stderr", offset: 0, data: "two\n" },
    { event: "end", exit: 4, state: "ended" },
    { event: "summary", hosts: 1, outcomes: { failed: 1 } },
  ]);
  const head = readFileSync(`${file}.head`, "utf8").toLowerCase();
  expect(head).toStartWith("http/1.1 200 ok");
  for (const line of [
    "content-type: text/event-stream",
    "cache-control: no-store",
    "x-accel-buffering: no",
    "transfer-encoding: chunked",
  ]) {
    expect(head).toContain(`${line}\r\n`);
  }
  expect(head).not.toContain("content-encoding");
});

describe("a client that goes on", () => {
  /** Cuts the stream again and again, and compares with what the script has written itself. */
  async function everyByte(
    name: string,
    lines: number,
    goOn: (client: EventClient) => Promise<void>,
  ) {
    const copy = host.folder.join(name);
    const reqid = await started("count", [String(lines), copy]);
    const client = await following(reqid);
    while (!client.events.includes("summary")) await goOn(client);
    for (const [stream, file] of [
      ["stdout", "out"],
      ["stderr", "err"],
    ] as const) {
      expect(client.bytes(stream).equals(readFileSync(`${copy}.${file}`))).toBe(true);
    }
    const { events } = client;
    for (const once of ["start", "end", "summary"]) {
      expect(events.filter((event) => event === once)).toHaveLength(1);
    }
    expect(client.messages.at(-2)?.data).toMatchObject({ event: "end", exit: 3 });
  }

  test("misses nothing and gets nothing twice, however often the connection breaks", async () => {
    let cuts = 0;
    await everyByte("cut", 150, async (client) => {
      const ended = client.ended().then(() => true);
      const enough = client.counted(client.messages.length + 1 + (cuts % 13)).then(() => false);
      if (await Promise.race([ended, enough])) return;
      await client.leave();
      cuts += 1;
      await client.connect(origin());
    });
    expect(cuts).toBeGreaterThan(10);
  });

  test("does so when the API is killed and started again, and when the run has ended meanwhile", async () => {
    let own = await TestApi.start(host);
    let kills = 0;
    await everyByte("killed", 150, async (client) => {
      if (kills === 0) {
        await client.leave();
        await client.connect(origin(own));
      }
      await Promise.race([client.ended(), client.counted(client.messages.length + 60)]);
      if (client.events.includes("summary")) return;
      await own.stop("SIGKILL");
      await client.ended();
      kills += 1;
      own = await TestApi.start(host);
      await client.connect(origin(own));
    });
    await own.stop();
    expect(kills).toBeGreaterThan(1);
  });

  test("gets 204 after the last message: a browser then stops to ask", async () => {
    const reqid = await started("quick");
    const client = await following(reqid);
    await client.ended();
    expect(client.messages.at(-1)?.data.event).toBe("summary");
    const again = await client.connect(origin());
    expect([again.status, await again.text()]).toEqual([204, ""]);
    // From the beginning, the same once more.
    const anew = await following(reqid);
    await anew.ended();
    const said = ({ messages }: EventClient) =>
      messages.map(({ id, data: { started: _, ...data } }) => ({ id, data }));
    expect(said(anew)).toEqual(said(client));
  });

  test("T21 is refused with a Last-Event-ID that no stream of the run had", async () => {
    const reqid = await started("quick");
    for (const id of ["X", "R1", "OO", "R1-1_R1-1", "R4-0".repeat(1000), "%00"]) {
      const { status, text } = await api.get(`/runs/${reqid}/events`, { "Last-Event-ID": id });
      expect([id, status]).toEqual([id, 400]);
      expect(text).toContain("Last-Event-ID");
    }
  });
});

test("a comment comes while a script is silent", async () => {
  const go = host.folder.join("go-silent");
  const client = await following(await started("twice", [go]));
  await client.seen(({ data }) => data === "one\n");
  await client.commented();
  host.folder.write("go-silent", "");
  await client.ended();
  expect(client.events).toEqual(["start", "stdout", "stderr", "end", "summary"]);
}, 30_000);

describe("several runs", () => {
  test("in one stream: each message names its run, each run has its summary, and it goes on", async () => {
    const go = host.folder.join("go-several");
    const quick = await started("quick", ["1"], ["web-01", "db-01"]);
    const slow = await started("twice", [go]);
    const client = new EventClient(`/events?runs=${slow},${quick}`);
    await client.connect(origin());
    await client.seen(({ event, reqid }) => event === "summary" && reqid === quick);
    await client.seen(({ data, reqid }) => data === "one\n" && reqid === slow);
    await client.leave();
    const before = client.messages.length;
    host.folder.write("go-several", "");
    await client.connect(origin());
    await client.ended();
    const rest = client.messages.slice(before).map(({ data }) => [data.reqid, data.event]);
    expect(rest).toEqual([
      [slow, "stderr"],
      [slow, "end"],
      [slow, "summary"],
    ]);
    expect(client.bytes("stdout", "db-01", quick).toString()).toBe("quick 1\n");
    expect(client.messages.at(-1)?.id).toBe("S_S");
  });

  test.each([
    ["", "runs: expected 1 to 32 ids of runs"],
    ["?runs=", "runs: expected 1 to 32 ids of runs"],
    ["?runs=0123", "runs: expected 1 to 32 ids of runs"],
    [`?runs=${Array.from({ length: 33 }, () => "0123456789abcdef").join(",")}`, "1 to 32"],
    ["?runs=0123456789abcdef,0123456789abcdef", "runs: a run is named twice"],
    ["?run=0123456789abcdef", 'unknown query parameter "run"'],
  ])("%p is refused", async (query, detail) => {
    const { status, text } = await api.get(`/events${query}`);
    expect(status).toBe(400);
    expect(JSON.parse(text).detail).toContain(detail);
  });
});

describe("who may not", () => {
  test("T73 a run that is unknown and one that the hook hides are refused in the same words", async () => {
    await using own = await ControlHost.create(["api_port = 0"]);
    const calls = own.folder.join("calls");
    const decide = `echo "$ENVEXEC_ACTION $ENVEXEC_ROUTE" >> ${calls}; [ "$ENVEXEC_ACTION" = run ] && exit 0; [ "$ENVEXEC_TOKEN" = nobody ] && exit 3; [ -z "$ENVEXEC_SUBMITTER" ] || [ "$ENVEXEC_SUBMITTER" = "$ENVEXEC_USERNAME" ]`;
    own.addLines([`auth_hook = ${own.folder.script("hook", decide)}`]);
    await own.startAgent("web-01", { scripts: { quick: "echo secret" } });
    await using server = await TestApi.start(own);
    const as = (name: string, token = "x") => ({
      "X-Ctrl-Exec-Username": name,
      Authorization: `Bearer ${token}`,
    });
    const order = { hosts: ["web-01"], script: "quick", username: "alice" };
    const { json } = await server.post("/run", order);
    const { reqid } = json as { reqid: string };
    const unknown = "0123456789abcdef";
    for (const path of [
      (id: string) => `/runs/${id}/events`,
      (id: string) => `/events?runs=${id}`,
      (id: string) => `/runs/${id}/output/web-01`,
    ]) {
      const hidden = await server.get(path(reqid), as("bob"));
      const none = await server.get(path(unknown), as("bob"));
      expect([hidden.status, none.status]).toEqual([404, 404]);
      expect(hidden.text.replace(reqid, unknown)).toBe(none.text);
      expect((await server.get(path(reqid), as("alice", "nobody"))).status).toBe(403);
      const allowed = await server.get(path(reqid), as("alice"));
      expect(allowed.status).toBe(200);
      expect(allowed.text).toContain("secret");
    }
    const both = await server.get(`/events?runs=${reqid},${unknown}`, as("alice"));
    expect(both.status).toBe(404);
    expect(both.text).not.toContain("secret");
    const asked = readFileSync(calls, "utf8").split("\n");
    expect(asked).toContain("read GET /runs/{reqid}/events");
    expect(asked).toContain("read GET /events");
    expect(asked).toContain("read GET /runs/{reqid}/output/{host}");
  });
});

test("HEAD has the head alone, and other methods are refused", async () => {
  const reqid = await started("quick");
  for (const path of [`/runs/${reqid}/events`, `/events?runs=${reqid}`]) {
    const head = await api.ask("HEAD", path);
    expect([head.status, head.text]).toEqual([200, ""]);
    expect(head.headers.get("content-type")).toBe("text/event-stream");
    const post = await api.post(path, {});
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  }
  expect((await api.get("/runs/0123456789abcdef/events")).status).toBe(404);
  expect((await api.get("/runs/no-id/events")).status).toBe(404);
});

/** Megabytes that a process holds. */
function heldBy(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

test("T21 a client that stops reading costs no memory, and can go on", async () => {
  const size = 48 << 20;
  await using own = await TestApi.start(host);
  // What the first of its kind costs once.
  const warm = new EventClient(`/runs/${await started("flood", ["4000000"])}/events`);
  await warm.connect(origin(own));
  await warm.ended();
  const reqid = await started("flood", [String(size)]);
  const socket = connect({ port: own.port, host: "127.0.0.1" });
  socket.write(
    `GET /runs/${reqid}/events HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
  );
  const first = Promise.withResolvers<void>();
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
    if (text.length > 200_000) first.resolve();
  });
  await first.promise;
  socket.pause();
  const before = heldBy(own.running.child.pid);
  let most = before;
  for (const began = performance.now(); performance.now() - began < 3000; await Bun.sleep(50)) {
    most = Math.max(most, heldBy(own.running.child.pid));
  }
  expect(most - before).toBeLessThan(32);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.resume();
  await closed;
  let printed = 0;
  for (const [, data = ""] of text.matchAll(/"data":"(x*)/g)) printed += data.length;
  // Chunk sizes stand between pieces, and not within a message of ours.
  expect(text).toContain('"event":"summary"');
  expect(printed).toBe(size);
}, 60_000);

test("SIGTERM ends streams at once, each after a whole message, also where nobody reads", async () => {
  await using own = await TestApi.start(host);
  const go = host.folder.join("go-term");
  const reqid = await started("twice", [go]);
  const client = new EventClient(`/runs/${reqid}/events`);
  await client.connect(origin(own));
  await client.seen(({ data }) => data === "one\n");
  const stopped = connect({ port: own.port, host: "127.0.0.1" });
  const flood = await started("flood", ["20000000"]);
  stopped.write(`GET /runs/${flood}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  await new Promise((resolve) => stopped.once("readable", resolve));
  const raw = connect({ port: own.port, host: "127.0.0.1" });
  let text = "";
  raw.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  raw.write(`GET /runs/${reqid}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  await until("the first line is here", () => text.includes("one"));
  const began = performance.now();
  expect(await own.stop()).toBe(0);
  expect(performance.now() - began).toBeLessThan(3000);
  stopped.destroy();
  expect(text).toEndWith("}\n\n\r\n0\r\n\r\n");
  await client.ended();
  host.folder.write("go-term", "");
  await client.connect(origin());
  await client.ended();
  expect(client.events).toEqual(["start", "stdout", "stderr", "end", "summary"]);
});

describe("T21 no more streams than there are places for", () => {
  test("503 says so, requests are answered, and a place is free when a client leaves", async () => {
    await using own = await TestApi.start(host, "http", {}, { files: 64 });
    const go = host.folder.join("go-places");
    const reqid = await started("twice", [go]);
    const first = new EventClient(`/runs/${reqid}/events`);
    await first.connect(origin(own));
    await first.seen(({ data }) => data === "one\n");
    const second = await own.get(`/runs/${reqid}/events`);
    expect([second.status, second.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(JSON.parse(second.text).detail).toBe(
      "1 event streams and downloads are open, which is the limit",
    );
    expect((await own.get(`/runs/${reqid}/output/web-01`)).status).toBe(503);
    const { json } = await own.post("/run", { hosts: ["web-01"], script: "quick" });
    expect(json).toMatchObject({ results: [{ exit: 0 }] });
    await first.leave();
    await until("the place is free", async () => {
      const client = new EventClient(`/runs/${reqid}/events`);
      const { status } = await client.connect(origin(own));
      await client.leave();
      return status === 200;
    });
    host.folder.write("go-places", "");
  });
});
