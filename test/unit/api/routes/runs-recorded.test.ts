/** The routes about runs that were recorded, over HTTP: what they answer, and in which form. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { KeptDialler } from "../../../../src/controller/fleet/kept-dialler.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { until } from "../../../support/folder.ts";
import { LocalApi } from "../../../support/local-api.ts";

/** It has ended well. */
const FINE = "00000000000000a0";
/** It has failed on one of its hosts. */
const ENDED = "00000000000000a1";
/** The newest: nobody knows how it went on db-01, which cannot be asked. */
const OPEN = "00000000000000a2";
const DAMAGED = "00000000000000a3";

const PRINTED = Buffer.from("0123456789\xffabc", "latin1");

let api: LocalApi;

const resultOf = (reqid: string, host: string, changes: Partial<RunResult> = {}) =>
  ({
    ...{ host, script: "deploy", exit: 0, stdout: "", stderr: "", rtt: "1ms", reqid },
    ...{ state: "ended", started: "2026-01-15T12:00:00Z" },
    ...changes,
  }) as RunResult;

beforeAll(async () => {
  api = await LocalApi.start();
  const { controller, folder } = api.fleet;
  const facts = { script: "deploy", submitter: "alice", token: "", hosts: ["web-01", "db-01"] };
  const fine = await controller.store.runs.begin(
    { ...facts, reqid: FINE, hosts: ["web-01"] },
    true,
  );
  fine.add(resultOf(FINE, "web-01"));
  await fine.close();
  const ended = await controller.store.runs.begin({ ...facts, reqid: ENDED }, true);
  const bytes = { stdout: "?", stdout_b64: PRINTED.toString("base64"), stderr: "x" };
  ended.add(resultOf(ENDED, "web-01", { ...bytes, stdout_dropped: 7 }));
  ended.add(resultOf(ENDED, "db-01", { exit: 3 }));
  await ended.close();
  const open = await controller.store.runs.begin({ ...facts, reqid: OPEN, script: "other" }, true);
  open.add(resultOf(OPEN, "web-01", { script: "other", stdout: "x", stderr: "" }));
  await open.close();
  folder.write(`control/state/runs/${DAMAGED}.json`, "{ cut", 0o640);
});

afterAll(async () => await api[Symbol.asyncDispose]());

describe("GET /runs", () => {
  const listed = async (query: string) => {
    const { json } = await api.get(`/runs${query}`);
    return (json as { runs: { reqid: string }[] }).runs.map(({ reqid }) => reqid);
  };

  test("lists them, newest first, and those that cannot be read", async () => {
    const { status, json } = await api.get("/runs");
    expect(status).toBe(200);
    expect(json).toMatchObject({
      ok: true,
      runs: [
        { reqid: OPEN, script: "other", unheard: ["db-01"] },
        {
          reqid: ENDED,
          hosts: [
            { host: "web-01", exit: 0 },
            { host: "db-01", exit: 3 },
          ],
        },
        { reqid: FINE, submitter: "alice" },
      ],
      unreadable: [DAMAGED],
    });
    expect(json).not.toHaveProperty("next");
  });

  test.each([
    ["?host=db-01&failed=true", [OPEN, ENDED]],
    ["?host=web-01&failed=true", []],
    ["?failed=true", [OPEN, ENDED]],
    ["?script=other", [OPEN]],
    ["?user=bob", []],
    ["?since=1h", [OPEN, ENDED, FINE]],
    ["?since=2999-01-01", []],
  ])("%s narrows the list", async (query, reqids) => {
    expect(await listed(query)).toEqual(reqids);
  });

  test("page by page each of them comes once", async () => {
    const first = await api.get("/runs?limit=1");
    const { next } = first.json as { next: string };
    expect(next).toMatch(new RegExp(`^\\d+-\\d+-${OPEN}$`));
    expect(await listed("?limit=1")).toEqual([OPEN]);
    expect(await listed(`?limit=1&after=${next}`)).toEqual([ENDED]);
  });

  test("a time that is not valid is refused, in the words of what is expected", async () => {
    expect(await api.get("/runs?since=yesterday")).toMatchObject({
      status: 400,
      json: { detail: "since: expected 90s, 15m, 2h, 7d, 2026-01-15 or 2026-01-15T12:00:00Z" },
    });
  });
});

describe("GET /status/{reqid}", () => {
  test("is the record", async () => {
    expect(await api.get(`/status/${ENDED}`)).toMatchObject({
      status: 200,
      json: { ok: true, reqid: ENDED, complete: true, pending: [], submitter: "alice" },
    });
  });

  test.each([
    ["00000000000000ff", 404, "not found", "no run 00000000000000ff that you may see"],
    ["x", 404, "not found", "no run x that you may see"],
    [DAMAGED, 500, "server error", `Cannot read the record of run ${DAMAGED}`],
  ])("of %s: %d", async (reqid, status, error, detail) => {
    const answer = await api.get(`/status/${reqid}`);
    expect(answer).toMatchObject({ status, json: { ok: false, error } });
    expect((answer.json as { detail: string }).detail).toStartWith(detail);
  });
});

describe("GET /runs/{reqid}/output/{host}", () => {
  const output = async (
    rest = "",
    headers: Readonly<Record<string, string>> = {},
    reqid = ENDED,
    host = "web-01",
  ) => {
    const url = `http://127.0.0.1:${api.server.port}/runs/${reqid}/output/${host}${rest}`;
    const response = await fetch(url, { headers });
    const bytes = Buffer.from(await response.arrayBuffer());
    return { status: response.status, bytes: bytes.toString("latin1"), headers: response.headers };
  };

  test("is the bytes as they were, of either stream", async () => {
    const { status, bytes, headers } = await output();
    expect([status, bytes]).toEqual([200, PRINTED.toString("latin1")]);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-type": "application/octet-stream",
      "content-length": "14",
      "accept-ranges": "bytes",
      "x-ctrl-exec-complete": "true",
      "x-ctrl-exec-dropped": "7",
    });
    expect(headers.has("content-range")).toBe(false);
    expect((await output("?stream=stderr")).bytes).toBe("x");
  });

  test.each([
    ["bytes=0-3", "bytes 0-3/14", "0123"],
    ["bytes=10-", "bytes 10-13/14", "\xffabc"],
    ["bytes=-3", "bytes 11-13/14", "abc"],
  ])("%s is that part of it", async (range, place, part) => {
    const { status, bytes, headers } = await output("", { Range: range });
    expect([status, bytes, headers.get("content-range")]).toEqual([206, part, place]);
    expect(headers.get("content-length")).toBe(String(part.length));
  });

  test.each([
    ["bytes=14-", ENDED, "", "bytes */14", "the output has 14 bytes so far"],
    ["bytes=1-", OPEN, "", "bytes */1", "the output has 1 byte so far"],
    ["bytes=0-", OPEN, "?stream=stderr", "bytes */0", "the output has 0 bytes so far"],
  ])("there is no byte of %s in %s%s", async (range, reqid, query, place, detail) => {
    const { status, bytes, headers } = await output(query, { Range: range }, reqid);
    expect([status, headers.get("content-range")]).toEqual([416, place]);
    expect(headers.get("x-ctrl-exec-complete")).toBe("true");
    expect(JSON.parse(bytes)).toEqual({ ok: false, error: "range not satisfiable", detail });
  });

  test("of nothing, the last bytes are all of it", async () => {
    const { status, bytes } = await output("?stream=stderr", { Range: "bytes=-5" }, OPEN);
    expect([status, bytes]).toEqual([200, ""]);
  });

  test("a range is not for who has a part of something older, nor for HEAD", async () => {
    const older = await output("", { Range: "bytes=0-1", "If-Range": '"x"' });
    expect([older.status, older.bytes.length]).toEqual([200, 14]);
    const path = `/runs/${ENDED}/output/web-01`;
    const head = await api.ask("HEAD", path, undefined, { Range: "bytes=0-1" });
    expect([head.status, head.headers.get("content-length"), head.text]).toEqual([200, "14", ""]);
  });

  test.each([
    [ENDED, "web-02", 404, "run 00000000000000a1 was not sent to such a host"],
    [ENDED, "%zz", 404, "run 00000000000000a1 was not sent to such a host"],
    [OPEN, "db-01", 502, ""],
    ["00000000000000ff", "web-01", 404, "no run 00000000000000ff that you may see"],
  ])("of %s, %s: %d", async (reqid, host, expected, detail) => {
    const { status, bytes } = await output("", {}, reqid, host);
    expect(status).toBe(expected);
    expect(JSON.parse(bytes).detail).toStartWith(detail);
  });

  test("a host is named as a URL does", async () => {
    expect((await output("", {}, ENDED, "web%2D01")).status).toBe(200);
  });
});

describe("the events of a run", () => {
  test("are a stream, with its last id each, in one or for several runs", async () => {
    for (const path of [`/runs/${ENDED}/events`, `/events?runs=${ENDED}`]) {
      const { status, headers, text } = await api.get(path);
      expect([status, headers.get("content-type")]).toEqual([200, "text/event-stream"]);
      expect(headers.get("x-accel-buffering")).toBe("no");
      expect(text).toContain('\nid: S\ndata: {"event":"summary"');
    }
  });

  test("go on after a message, and are over after the last one", async () => {
    const path = `/runs/${ENDED}/events`;
    const { text } = await api.get(path, { "Last-Event-ID": "OW" });
    expect(text).not.toContain('"host":"web-01"');
    expect(text).toContain('"host":"db-01"');
    const over = await api.get(path, { "Last-Event-ID": "S" });
    expect([over.status, over.text]).toEqual([204, ""]);
  });

  test.each([
    [`/runs/${ENDED}/events`, "X", 400, "the header Last-Event-ID is not an id that"],
    [`/events?runs=${ENDED},${OPEN}`, "S", 400, "the header Last-Event-ID is not an id that"],
    [`/events?runs=${ENDED},${ENDED}`, "", 400, "runs: a run is named twice"],
    ["/events?runs=00000000000000ff", "", 404, "no run 00000000000000ff that you may see"],
  ])("%s after %p: %d", async (path, id, status, detail) => {
    const answer = await api.get(path, id === "" ? {} : { "Last-Event-ID": id });
    expect(answer).toMatchObject({ status, json: { ok: false } });
    expect((answer.json as { detail: string }).detail).toStartWith(detail);
  });
});

test.each(["cancel", "pause", "continue"])("a run that is not there has no %s", async (verb) => {
  expect(await api.post(`/runs/00000000000000ff/${verb}`, {})).toMatchObject({
    status: 404,
    json: { detail: "no run 00000000000000ff that you may see" },
  });
});

test("T69 what an answer is made of counts until the answer is out", async () => {
  await using small = await LocalApi.start();
  const { controller } = small.fleet;
  const { runs } = controller.store;
  const facts = { script: "deploy", submitter: "alice", token: "", hosts: ["web-01"] };
  const record = await runs.begin({ ...facts, reqid: ENDED }, true);
  const long = "x".repeat(60_000);
  record.add(resultOf(ENDED, "web-01", { stdout: long, stderr: long }));
  await record.close();
  const dialler = new KeptDialler();
  const config = { ...controller.config, max_replies: 400_000 };
  small.server.reload({ ...controller, config, dialler });
  const isFree = () => {
    const reply = dialler.budget(config).open().openReply();
    const held = reply.hold(16_384 + 290_000);
    reply.giveBack();
    return held;
  };
  const paths = ["status/%", "runs/%", "runs/%/events", "events?runs=%", "runs/%/output/web-01"];
  for (const path of paths) {
    const { status } = await small.get(`/${path.replace("%", ENDED)}`);
    expect([path, status]).toEqual([path, 200]);
    await until(`${path} is out`, isFree);
  }
  const nowhere = await small.get(`/runs/${ENDED}/output/web-02`);
  expect(nowhere.status).toBe(404);
  await until("what is refused is let go, too", isFree);
});

test("T21 there are only so many streams at once, and a place is free again when one has ended", async () => {
  const one = async () => (await api.get(`/runs/${ENDED}/events`)).status;
  const statuses: number[] = [];
  for (let count = 0; count < 70; count++) statuses.push(await one());
  expect(new Set(statuses)).toEqual(new Set([200]));
});

test("T21 who was refused a place frees none, however often", async () => {
  const head = `GET /runs/${OPEN}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
  const ask = async () => {
    const got = api.open(head);
    await until("it is answered", () => got.text.includes("\r\n\r\n") || got.closed);
    return { ...got, isTaken: got.text.startsWith("HTTP/1.1 200 ") };
  };
  const streams = await Promise.all(Array.from({ length: 64 }, ask));
  const isTaken = streams.map((stream) => stream.isTaken);
  expect(new Set(isTaken)).toEqual(new Set([true, false]));
  streams.push(await ask(), await ask());
  expect(streams.slice(-2).map((stream) => stream.isTaken)).toEqual([false, false]);
  for (const { socket } of streams) socket.destroy();
});
