import { expect, spyOn, test } from "bun:test";
import type { IncomingMessage } from "node:http";
import { Refused } from "../../../src/api/answer.ts";
import { parseBody, parseQuery } from "../../../src/api/parse-body.ts";
import { discoveryPost } from "../../../src/api/routes/discovery.ts";
import { health } from "../../../src/api/routes/health.ts";
import { ping } from "../../../src/api/routes/ping.ts";
import { run } from "../../../src/api/routes/run.ts";
import { runs } from "../../../src/api/routes/runs.ts";

const JSON_TYPE = { "content-type": "application/json" };

type Headers = Record<string, string>;

function parsed(body: unknown, headers: Headers = {}, route = ping, url: string = route.path) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return parseBytes(Buffer.from(text), headers, route, url);
}

function parseBytes(bytes: Buffer, headers: Headers, route = ping, url: string = route.path) {
  return parseBody(route, { url, headers } as unknown as IncomingMessage, bytes, 3);
}

/** The status, and what is said. */
function refused(work: () => unknown): [number, string] {
  try {
    work();
  } catch (thrown) {
    if (!(thrown instanceof Refused)) throw thrown;
    const { status, body } = thrown.answer;
    return [status, (body as { detail: string }).detail];
  }
  throw new Error("it was taken");
}

const HOSTS = { hosts: ["a", "b", "c"] };

test("a body is what the route's schema makes of it, whatever its type without a browser", () => {
  expect(parsed(HOSTS)).toMatchObject(HOSTS);
  expect(parsed(HOSTS, JSON_TYPE)).toMatchObject(HOSTS);
  expect(parsed(HOSTS, { "content-encoding": "identity" })).toMatchObject(HOSTS);
  expect(parsed("", {}, discoveryPost)).toEqual(parsed({}, {}, discoveryPost));
  expect(parsed("", {}, health)).toEqual({});
});

test.each<[string, Headers]>([
  ["text/plain", { origin: "https://evil.example", "content-type": "text/plain" }],
  ["no type", { "sec-fetch-mode": "no-cors" }],
  ["a packed one", { ...JSON_TYPE, "content-encoding": "gzip" }],
])("a browser's body of %s is refused", (_, headers) => {
  expect(refused(() => parsed(HOSTS, headers))[0]).toBe(415);
});

test("a browser's body of JSON's type is taken: other origins may not send it unasked", () => {
  const headers = {
    origin: "https://here.example",
    "content-type": "Application/JSON ; charset=a",
  };
  expect(parsed(HOSTS, headers)).toMatchObject(HOSTS);
});

test("what is meant to be JSON, by its type or how it begins, and is not, or not UTF-8, is reported as that", () => {
  expect(refused(() => parsed("{", JSON_TYPE))).toEqual([400, "the body is not JSON"]);
  expect(refused(() => parsed("hosts=a"))[0]).toBe(415);
  const latin = Buffer.from('{"hosts":["\xe4"]}', "latin1");
  expect(refused(() => parseBytes(latin, JSON_TYPE))).toEqual([400, "the body is not UTF-8"]);
  for (const body of ['{"hosts":["a"]', " [", "{'hosts':['a']}"])
    expect(refused(() => parsed(body))).toEqual([400, "the body is not JSON"]);
  expect(refused(() => parseBytes(latin, {}))).toEqual([400, "the body is not UTF-8"]);
  expect(refused(() => parsed("{", { origin: "http://evil.example" }))[0]).toBe(415);
  expect(refused(() => parsed(""))).toEqual([400, "no body: expected a JSON object"]);
});

test("a query is what the route's schema makes of it", () => {
  expect(parseQuery(runs, "/runs?host=web-01&limit=5")).toEqual({ host: "web-01", limit: "5" });
  expect(parseQuery(runs, "/runs")).toEqual({ limit: "100" });
  expect(parseQuery(health, "/health")).toEqual({});
  const query = (text: string) => refused(() => parseQuery(runs, `/runs?${text}`));
  expect(query("limit=0")).toEqual([400, "limit: expected a number from 1 to 9999"]);
  expect(query("failed=1")).toEqual([400, "failed: expected true"]);
  expect(query("host=a&host=b")).toEqual([400, "the query parameter host is given twice"]);
  expect(query("hosts=a")).toEqual([400, 'unknown query parameter "hosts"; did you mean host?']);
});

test("nothing in a request is ignored", () => {
  expect(refused(() => parseQuery(ping, "/ping?host=a"))).toEqual([
    400,
    'unknown query parameter "host"; hosts goes into the JSON body',
  ]);
  expect(refused(() => parsed("0", {}, health))).toEqual([400, "GET /health takes no body"]);
  expect(refused(() => parsed({ ...HOSTS, host: "a" }))).toEqual([
    400,
    'unknown member "host"; did you mean hosts?',
  ]);
});

test("T21 no more hosts than the limit, of any kind; other lists may be longer", () => {
  const four = ["a", "b", "c", "d"];
  const words = "4 hosts given; at most 3 at once";
  expect(refused(() => parsed({ hosts: four }))).toEqual([400, words]);
  expect(refused(() => parsed({ hosts: [1, 2, 3, 4] }))).toEqual([400, words]);
  expect(parsed({ ...HOSTS, script: "s", args: four }, {}, run)).toMatchObject({ args: four });
});

test("T21 of a list, the first bad item is described and no other", () => {
  const args = ["a", 1, ...Array<number>(100_000).fill(2)];
  const [status, detail] = refused(() => parsed({ ...HOSTS, script: "s", args }, {}, run));
  expect(status).toBe(400);
  expect(detail).toStartWith("args.1: ");
  expect(detail).not.toContain("args.2");
  const zero = refused(() => parsed({ ...HOSTS, script: "s", args: ["a\0", 1] }, {}, run));
  expect(zero[1]).toStartWith("args.0: ");
  expect(zero[1]).not.toContain("args.1");
});

test("a sample and the sizes of batches are read as on the command line, and told when they are none", () => {
  const order = { ...HOSTS, script: "s" };
  const why = (more: object) => refused(() => parsed({ ...order, ...more }, {}, run));
  const size = 'expected a number of hosts, or a percentage such as "10%"';
  expect(why({ limit: "some" })).toEqual([
    400,
    'limit: "some" is neither a number of hosts nor a percentage; expected text such as 10 or 10%',
  ]);
  expect(why({ rollout: { batch: [1, "some"] } })).toEqual([
    400,
    `rollout.batch.1: "some" is neither a number of hosts nor a percentage; ${size}`,
  ]);
  const failures = { batch: [1], max_failures: "-1" };
  expect(why({ rollout: failures })).toEqual([
    400,
    `rollout.max_failures: "-1" is neither a number of hosts nor a percentage; ${size}`,
  ]);
  const rollout = { batch: [1, "5%"], max_failures: 0 };
  expect(parsed({ ...order, limit: "10%", rollout }, {}, run)).toMatchObject({
    limit: { percent: 10 },
    rollout: { batch: [{ hosts: 1 }, { percent: 5 }], max_failures: { hosts: 0 } },
  });
});

test("T21 a body of more than 64 members is refused as that", () => {
  const members = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`m${at}`, 1]));
  expect(refused(() => parsed(members(65)))).toEqual([400, "the body has more than 64 members"]);
  expect(refused(() => parsed(members(64)))[1]).toContain("unknown member");
});

test("a member may be given once", () => {
  for (const body of [
    '{"hosts":["a"],"hosts":["b"]}',
    '{"hosts":["b"],"h\\u006fsts":["b"]}',
    '{"hosts":["a"],"username":"x","username":"x"}',
  ]) {
    expect(refused(() => parsed(body))).toEqual([400, "the body has a member twice"]);
  }
  expect(parsed('{"hosts":["a"],"username":"\\":\\"x\\":"}')).toMatchObject({ hosts: ["a"] });
});

test("T61 a MiB of brackets is refused before a parser takes seconds for it", () => {
  const nested = (depth: number) => `{"hosts":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  const why = "the body has more than 16 levels of nested lists and objects";
  using parser = spyOn(JSON, "parse");
  expect(refused(() => parsed("[".repeat(2 ** 20)))).toEqual([400, why]);
  expect(parser).not.toHaveBeenCalled();
  expect(refused(() => parsed(nested(16)))).toEqual([400, why]);
  expect(refused(() => parsed(nested(15)))[1]).toContain("hosts");
});

test("members within a member are counted, and may be given once", () => {
  const body = (rollout: string) => `{"hosts":["a"],"script":"s","rollout":${rollout}}`;
  const take = (rollout: string) => parsed(body(rollout), {}, run);
  expect(take('{"batch":[1,"10%"],"per_tag":{"rack":1,"zone":2}}')).toMatchObject({
    rollout: { batch: [{ hosts: 1 }, { percent: 10 }], per_tag: { rack: 1, zone: 2 } },
  });
  for (const twice of ['{"batch":[1],"batch":[2]}', '{"batch":[1],"per_tag":{"a":1,"a":2}}']) {
    expect(refused(() => take(twice))).toEqual([400, "the body has a member twice"]);
  }
  expect(refused(() => take('{"batches":[1]}'))[1]).toContain("did you mean batch?");
});

test("T21 a list within a member is cut before its items are described", () => {
  const rollout = { batch: Array<number>(100_000).fill(0) };
  const [status, detail] = refused(() => parsed({ ...HOSTS, script: "s", rollout }, {}, run));
  expect(status).toBe(400);
  expect(detail).toContain("rollout.batch: expected at most 100 sizes");
  expect(detail).not.toContain("rollout.batch.101");
  const long = { batch: Array<number>(101).fill(1) };
  const [, why] = refused(() => parsed({ ...HOSTS, script: "s", rollout: long }, {}, run));
  expect(why).toBe("rollout.batch: expected at most 100 sizes");
});

test("what is JSON and no object is refused as that", () => {
  for (const body of ["[]", "null", "1", '"x"', '[{"hosts":["a"]}]']) {
    expect(refused(() => parsed(body))).toEqual([400, "expected a JSON object"]);
  }
});

test("five faults are told at most, each once, with where it is", () => {
  const body = { script: 1, args: 1, wait: 1, detach: 1, timeout: 0, username: 1, token: 1 };
  const [, detail] = refused(() => parsed(body, {}, run));
  const told = detail.split("; ");
  expect(told).toHaveLength(5);
  expect(told.slice(0, 3)).toEqual([
    "hosts: expected a non-empty array of hosts",
    "script: expected a script name: letters, digits, _ and -",
    "args: expected an array of strings",
  ]);
  const hosts = ["a b", "a b"];
  expect(refused(() => parsed({ hosts }))[1].split("; ")).toHaveLength(2);
});
