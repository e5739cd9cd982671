/** What a script has printed, as bytes over HTTP: all of it or a range, from the record and from the agent. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { TestApi } from "../../support/api.ts";
import { runCommand } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";

let host: ControlHost;
let agent: TestAgent;
let api: TestApi;

beforeAll(async () => {
  host = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  const scripts = {
    bytes: "printf '0123456789\\377abc'; printf 'err\\n' >&2",
    twice: 'printf one; until [ -e "$1" ]; do sleep 0.02; done; printf two',
    much: 'head -c "$1" /dev/zero | tr "\\0" x; printf END',
    both: 'head -c "$1" /dev/zero | tr "\\0" x; printf END; { head -c "$1" /dev/zero | tr "\\0" y; printf "\\360\\237\\230\\200"; } >&2',
    quiet: "true",
  };
  agent = await host.startAgent("web-01", { scripts, config: ["max_output = 300K"] });
  api = await TestApi.start(host);
});

afterAll(async () => {
  await api.stop();
  await host[Symbol.asyncDispose]();
});

async function ran(script: string, args: readonly string[] = [], hosts = ["web-01"]) {
  const { json } = await api.post("/run", { hosts, script, args });
  return (json as { reqid: string }).reqid;
}

async function letGo(script: string, args: readonly string[] = []) {
  const { json } = await api.post("/run", { hosts: ["web-01"], script, args, detach: true });
  return (json as { reqid: string }).reqid;
}

interface Got {
  readonly status: number;
  readonly bytes: Buffer;
  readonly headers: Headers;
}

async function got(
  reqid: string,
  headers: Record<string, string> = {},
  query = "",
  of = "web-01",
): Promise<Got> {
  const response = await fetch(api.url(`/runs/${reqid}/output/${of}${query}`), { headers });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, bytes, headers: response.headers };
}

const ranged = async (reqid: string, range: string, query = "") =>
  await got(reqid, { Range: range }, query);

const PRINTED = Buffer.from("0123456789\xffabc", "latin1");

describe("a run that has ended", () => {
  test("its bytes as they were, each stream on its own", async () => {
    const reqid = await ran("bytes");
    const { status, bytes, headers } = await got(reqid);
    expect(status).toBe(200);
    expect(bytes.equals(PRINTED)).toBe(true);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-type": "application/octet-stream",
      "content-length": "14",
      "accept-ranges": "bytes",
      "cache-control": "no-store",
      "x-ctrl-exec-complete": "true",
      "x-ctrl-exec-dropped": "0",
    });
    expect((await got(reqid, {}, "?stream=stderr")).bytes.toString()).toBe("err\n");
    expect((await got(reqid, {}, "?stream=stdout")).bytes.equals(PRINTED)).toBe(true);
  });

  test.each([
    ["bytes=0-3", "bytes 0-3/14", "0123"],
    ["bytes=4-9", "bytes 4-9/14", "456789"],
    ["bytes=10-", "bytes 10-13/14", "\xffabc"],
    ["bytes=-3", "bytes 11-13/14", "abc"],
    ["bytes=-100", "bytes 0-13/14", "0123456789\xffabc"],
    ["bytes=13-999", "bytes 13-13/14", "c"],
  ])("%s is %s", async (range, place, text) => {
    const { status, bytes, headers } = await ranged(await ran("bytes"), range);
    expect([status, headers.get("content-range")]).toEqual([206, place]);
    expect(bytes.toString("latin1")).toBe(text);
    expect(headers.get("content-length")).toBe(String(text.length));
  });

  test.each(["bytes=14-", "bytes=99-100", "bytes=-0"])("%s is 416", async (range) => {
    const { status, headers, bytes } = await ranged(await ran("bytes"), range);
    expect([status, headers.get("content-range")]).toEqual([416, "bytes */14"]);
    expect(JSON.parse(bytes.toString())).toEqual({
      ok: false,
      error: "range not satisfiable",
      detail: "the output has 14 bytes so far",
    });
  });

  test.each([
    ["several ranges", { Range: "bytes=0-1,3-4" }],
    ["another unit", { Range: "lines=0-1" }],
    ["no range", { Range: "bytes=b-a" }],
    ["a range of something older", { Range: "bytes=0-1", "If-Range": '"x"' }],
  ])("%s: the whole", async (_, headers) => {
    const { status, bytes } = await got(await ran("bytes"), headers as Record<string, string>);
    expect([status, bytes.length]).toEqual([200, 14]);
  });

  test("HEAD has the head of the whole; curl goes on where a download broke", async () => {
    const reqid = await ran("bytes");
    const path = `/runs/${reqid}/output/web-01`;
    const head = await api.ask("HEAD", path, undefined, { Range: "bytes=0-1" });
    expect([head.status, head.headers.get("content-length"), head.text]).toEqual([200, "14", ""]);
    const file = host.folder.write("part", "0123");
    const curl = await runCommand(["curl", "-sS", "-C", "-", "-o", file, api.url(path)]);
    expect(curl.status).toBe(0);
    expect(readFileSync(file).equals(PRINTED)).toBe(true);
  });

  test("one that printed nothing, and one that never ran", async () => {
    for (const reqid of [await ran("quiet"), await ran("not-listed")]) {
      const { status, bytes, headers } = await got(reqid);
      expect([status, bytes.length]).toEqual([200, 0]);
      expect(headers.get("x-ctrl-exec-complete")).toBe("true");
      expect((await ranged(reqid, "bytes=0-")).status).toBe(416);
      expect((await ranged(reqid, "bytes=-5")).status).toBe(200);
    }
  });

  test("a long one, which is in files beside the record: any part of it", async () => {
    const { out } = await host.run("run", ["web-01", "both", "--json-stream", "--", "200000"]);
    const [, reqid = ""] = /"reqid":"([0-9a-f]{16})"/.exec(out) ?? [];
    await agent.stop();
    const printed = {
      stdout: `${"x".repeat(200_000)}END`,
      stderr: `${"y".repeat(200_000)}\u{1f600}`,
    };
    for (const [stream, text] of Object.entries(printed)) {
      const whole = Buffer.from(text);
      const query = `?stream=${stream}`;
      expect((await got(reqid, {}, query)).bytes.equals(whole)).toBe(true);
      for (const [first, last] of [
        [0, 9],
        [65_535, 65_536],
        [150_000, 200_001],
      ] as const) {
        const { status, bytes } = await ranged(reqid, `bytes=${first}-${last}`, query);
        expect([status, bytes.equals(whole.subarray(first, last + 1))]).toEqual([206, true]);
      }
      const { headers, bytes } = await ranged(reqid, "bytes=-3", query);
      const size = whole.length;
      expect(headers.get("content-range")).toBe(`bytes ${size - 3}-${size - 1}/${size}`);
      expect(bytes.equals(whole.subarray(-3))).toBe(true);
    }
    await agent.serve();
  });

  test("what its agent did not keep is counted", async () => {
    const { bytes, headers } = await got(await ran("much", ["400000"]));
    expect(bytes.length).toBe(300 << 10);
    expect(headers.get("x-ctrl-exec-dropped")).toBe(String(400_003 - (300 << 10)));
  });
});

describe("a run whose end nobody has recorded", () => {
  test("while it runs: what there is by now, and that it is not all", async () => {
    const go = host.folder.join("go");
    const reqid = await letGo("twice", [go]);
    await until("it has printed", async () => (await got(reqid)).bytes.length === 3);
    const { status, headers } = await got(reqid);
    expect([status, headers.get("x-ctrl-exec-complete")]).toEqual([200, "false"]);
    const part = await ranged(reqid, "bytes=1-9");
    expect([part.status, part.headers.get("content-range")]).toEqual([206, "bytes 1-2/*"]);
    expect(part.bytes.toString()).toBe("ne");
    const next = await ranged(reqid, "bytes=3-");
    expect([next.status, next.headers.get("content-range")]).toEqual([416, "bytes */3"]);
    host.folder.write("go", "");
    await until("all is here", async () => {
      const { bytes, headers } = await ranged(reqid, "bytes=3-");
      return bytes.toString() === "two" && headers.get("x-ctrl-exec-complete") === "true";
    });
    const last = await ranged(reqid, "bytes=-2");
    expect([last.headers.get("content-range"), last.bytes.toString()]).toEqual([
      "bytes 4-5/6",
      "wo",
    ]);
    expect((await ranged(reqid, "bytes=6-")).headers.get("content-range")).toBe("bytes */6");
  });

  test("a long one, in ranges", async () => {
    const reqid = await letGo("much", ["250000"]);
    await until("it has ended", async () => {
      return (await got(reqid)).headers.get("x-ctrl-exec-complete") === "true";
    });
    const pieces: Buffer[] = [];
    for (let first = 0; first < 250_003; first += 70_000) {
      const { status, bytes } = await ranged(reqid, `bytes=${first}-${first + 69_999}`);
      expect(status).toBe(206);
      pieces.push(bytes);
    }
    const whole = Buffer.concat(pieces);
    expect(whole.equals(Buffer.from(`${"x".repeat(250_000)}END`))).toBe(true);
  });

  test("its agent is away: 502 says so", async () => {
    const go = host.folder.join("go-away");
    const reqid = await letGo("twice", [go]);
    await until("it has printed", async () => (await got(reqid)).bytes.length === 3);
    await agent.stop();
    const { status, bytes } = await got(reqid);
    expect(status).toBe(502);
    expect(bytes.toString()).toMatch(/"error":"unreachable","detail":"connection refused/);
    host.folder.write("go-away", "");
    await agent.serve();
  });
});

test("what its record had room for only in part goes on from the agent, on every face", async () => {
  // 384 KiB of output for one run: all of stdout that the agent keeps, and less than half of stderr.
  host.addLines(["run_records_max = 1M"]);
  const KEPT = 300 * 1024;
  const errors = Buffer.alloc(KEPT, "y");
  const order = { hosts: ["web-01"], script: "both", args: ["310000"] };
  await using small = await TestApi.start(host);
  const { json } = await small.post("/run", order);
  const { reqid } = json as { reqid: string };
  const file = host.folder.join(`control/state/runs/${reqid}.json`);
  const [record] = JSON.parse(readFileSync(file, "utf8")).results;
  const dropped = 310_004 - KEPT;
  expect(record.stderr_unrecorded).toBeGreaterThan(150_000);
  expect(record).not.toHaveProperty("stdout_unrecorded");
  const first = KEPT - record.stderr_unrecorded;
  const whole = await got(reqid, {}, "?stream=stderr");
  expect(whole.bytes.equals(errors)).toBe(true);
  expect(whole.headers.get("x-ctrl-exec-dropped")).toBe(String(dropped));
  const range = `bytes=${first - 3}-${first + 3}`;
  expect((await ranged(reqid, range, "?stream=stderr")).bytes.toString()).toBe("yyyyyyy");
  const shown = await host.run("logs", [reqid, "--stderr"]);
  const told = "ctrl-exec: web-01: 2.7 KiB of stderr dropped\n";
  expect([shown.status, shown.err]).toEqual([0, told]);
  expect(shown.out === errors.toString()).toBe(true);
  const events = await (await fetch(api.url(`/runs/${reqid}/events`))).text();
  expect(events.match(/y/g)?.length).toBeGreaterThanOrEqual(KEPT);
  expect(events).toContain(`"stderr_dropped":${dropped}`);
  await agent.stop();
  const away = await host.run("logs", [reqid, "--stderr", "--follow"]);
  expect(away.status).toBe(1);
  expect(away.err).toMatch(/all of web-01: the rest is/);
  expect(away.out).toHaveLength(first);
  await agent.serve();
});

test("what its record had no room for comes from the agent, as long as that keeps it", async () => {
  host.addLines(["max_reply = 100K"]);
  await using small = await TestApi.start(host);
  const order = { hosts: ["web-01"], script: "much", args: ["200000"] };
  const { json } = await small.post("/run", order);
  const [result] = (
    json as { results: { reqid: string; stdout: string; stdout_dropped: number }[] }
  ).results;
  expect(result).toMatchObject({ stdout: "", stdout_dropped: 200_003 });
  const { reqid = "" } = result ?? {};
  const whole = await got(reqid);
  expect(whole.bytes.toString()).toBe(`${"x".repeat(200_000)}END`);
  expect(whole.headers.get("x-ctrl-exec-dropped")).toBe("0");
  expect((await ranged(reqid, "bytes=-3")).bytes.toString()).toBe("END");
  await agent.stop();
  const lost = await got(reqid);
  expect([lost.status, lost.bytes.length]).toEqual([200, 0]);
  expect(lost.headers.get("x-ctrl-exec-dropped")).toBe("200003");
  expect(lost.headers.get("x-ctrl-exec-complete")).toBe("false");
  await agent.serve();
});

describe("what is refused", () => {
  test.each([
    ["a host that was not asked", "db-01", "", 404],
    ["a host that is not valid", "%2e%2e%2fweb-01", "", 404],
    ["an escape that is not valid", "%zz", "", 404],
    ["a stream that is not valid", "web-01", "?stream=log", 400],
    ["another parameter", "web-01", "?tail=1", 400],
  ])("%s", async (_, of, query, status) => {
    expect((await got(await ran("quiet"), {}, query, of)).status).toBe(status);
  });

  test("no run, and other methods", async () => {
    expect((await got("0123456789abcdef")).status).toBe(404);
    const post = await api.post(`/runs/${await ran("quiet")}/output/web-01`, {});
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });
});

test("a host is named in the path as in the results: with its port, as a URL may write it", async () => {
  const typed = `127.0.0.1:${agent.port}`;
  const reqid = await ran("bytes", [], [typed]);
  const { json } = await api.get(`/status/${reqid}`);
  const [name = ""] = (json as { hosts: string[] }).hosts;
  for (const written of [name, encodeURIComponent(name)]) {
    expect((await got(reqid, {}, "", written)).bytes.length).toBe(14);
  }
});
