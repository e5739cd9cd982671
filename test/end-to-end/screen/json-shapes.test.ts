/** Every --json form against its schema: no field more, none less, one compact line. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { z } from "zod";
import type { Finished } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";

const reqid = z.string().regex(/^[0-9a-f]{16}$/);
const rtt = z.string().regex(/^\d+ms$/);
const iso = z.iso.datetime();
const openssl = z.string().regex(/^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} GMT$/);
const version = z.string().regex(/^\d+\.\d+\.\d+/);
const serial = z.string().regex(/^[0-9a-f]{16}$/);

const runResult = z.strictObject({
  host: z.string(),
  script: z.string(),
  rtt,
  reqid,
  exit: z.number().int(),
  stdout: z.string(),
  stderr: z.string(),
  state: z.literal("ended"),
  started: iso,
  ended: iso,
});
const runFailure = runResult.omit({ started: true, ended: true }).extend({
  exit: z.literal(-1),
  state: z.literal("never-ran"),
  error: z.string().min(1),
});
const pingOk = z.strictObject({
  host: z.string(),
  rtt,
  reqid,
  status: z.literal("ok"),
  expiry: openssl,
  version,
});
const pingError = z.strictObject({
  host: z.string(),
  rtt,
  reqid,
  status: z.literal("error"),
  expiry: z.literal(""),
  version: z.literal(""),
  error: z.string().min(1),
});
const answer = <Item extends z.ZodType>(...items: Item[]) =>
  z.strictObject({ ok: z.literal(1), results: z.tuple(items as unknown as [Item, ...Item[]]) });
const refusal = z.strictObject({
  ok: z.literal(0),
  error: z.string().min(1),
  code: z.number(),
  hint: z.optional(z.string().min(1)),
});

let control: ControlHost;
let agent: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create();
  agent = await control.startAgent("web-01", {
    scripts: {
      greet: "echo hi; echo oops >&2; exit 3",
      suicide: "kill -TERM $$",
      bytes: "printf '\\377'; printf '\\376' >&2",
      long: "head -c 70000 /dev/zero; head -c 70001 /dev/zero >&2",
    },
    config: ["max_output = 65536"],
  });
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

/** One line, no space between tokens, a newline at the end. */
function parsed({ out }: Finished): unknown {
  expect(out.endsWith("\n")).toBe(true);
  const value: unknown = JSON.parse(out);
  expect(out).toBe(`${JSON.stringify(value)}\n`);
  return value;
}

test("run", async () => {
  const finished = await control.run("run", ["web-01", "no-such-host.invalid", "greet", "--json"]);
  expect(finished.err).toBe("");
  expect(finished.out).toStartWith('{"ok":1,"results":[{');
  const value = answer<z.ZodType>(runResult, runFailure).parse(parsed(finished));
  expect(value).toMatchObject({
    results: [{ host: "web-01", script: "greet", exit: 3, stdout: "hi\n", stderr: "oops\n" }, {}],
  });
  expect(finished.status).toBe(1);
});

test("run: a signal, bytes that are not text, output that was cut", async () => {
  const one = async (script: string) =>
    parsed(await control.run("run", ["web-01", script, "--json"]));
  const killed = runResult.extend({ exit: z.literal(126), signal: z.literal("SIGTERM") });
  answer(killed).parse(await one("suicide"));
  const bytes = runResult.extend({ stdout_b64: z.literal("/w=="), stderr_b64: z.literal("/g==") });
  answer(bytes).parse(await one("bytes"));
  const cut = runResult.extend({
    stdout: z.string().length(65_536),
    stderr: z.string().length(65_536),
    stdout_dropped: z.literal(4464),
    stderr_dropped: z.literal(4465),
  });
  answer(cut).parse(await one("long"));
});

test("ping", async () => {
  const finished = await control.run("ping", ["web-01", "no-such-host.invalid", "--json"]);
  answer<z.ZodType>(pingOk, pingError).parse(parsed(finished));
  expect(finished.status).toBe(1);
  answer(pingOk).parse(parsed(await control.run("ping", ["web-01", "--json"])));
});

test("fields come in the order that 0.8's have, which scripts grep for", async () => {
  const keys = async (verb: string, args: readonly string[]) => {
    const { results } = JSON.parse((await control.run(verb, [...args, "--json"])).out);
    return results.map((result: object) => Object.keys(result).join(" "));
  };
  const run = "host script exit stdout stderr rtt reqid state";
  const ping = "host status rtt expiry version reqid";
  const hosts = ["web-01", "no-such-host.invalid"];
  expect(await keys("run", [...hosts, "greet"])).toEqual([`${run} started ended`, `${run} error`]);
  expect(await keys("ping", hosts)).toEqual([ping, `${ping} error`]);
});

test("list-agents", async () => {
  const shape = z
    .array(
      z.strictObject({
        hostname: z.literal("web-01"),
        ip: z.literal("127.0.0.1"),
        paired_at: iso,
        cert_expiry: iso,
        serial,
        days_left: z.literal(364),
        renew_due: iso,
        serial_status: z.literal("current"),
        port: z.literal(agent.port),
        version: z.string(),
        version_learned: iso.or(z.literal("")),
        learned: iso,
        own_tags: z.strictObject({}),
        claimed_tags: z.strictObject({}).nullable(),
        tags_learned: iso.or(z.literal("")),
      }),
    )
    .length(1);
  shape.parse(parsed(await control.run("list-agents", ["--json"])));
});

test("discovery", async () => {
  const script = z.strictObject({ name: z.string(), path: z.string(), executable: z.boolean() });
  const host = z.strictObject({
    host: z.literal("web-01"),
    status: z.literal("ok"),
    version,
    rtt,
    scripts: z.array(script).length(4),
    tags: z.strictObject({}),
  });
  const failed = host.extend({
    host: z.string(),
    status: z.literal("error"),
    version: z.literal(""),
    scripts: z.array(script).length(0),
    error: z.string().min(1),
  });
  const finished = await control.run("discovery", ["web-01", "no-such-host.invalid", "--json"]);
  const hosts = z.strictObject({ "web-01": host, "no-such-host.invalid": failed });
  z.strictObject({ ok: z.literal(1), hosts }).parse(parsed(finished));
  expect(finished.status).toBe(1);
});

test("list-requests", async () => {
  const shape = z
    .array(
      z.strictObject({
        id: reqid,
        hostname: z.literal("web-02"),
        ip: z.literal("127.0.0.1"),
        code: z.string().regex(/^\d{6}$/),
        code_covers: z.literal("both"),
        received: iso,
      }),
    )
    .length(1);
  expect(parsed(await control.run("list-requests", ["--json"]))).toEqual([]);
  const second = await control.addAgent("web-02");
  const waiting = second.run("request-pairing", second.pairingArgs(await control.pairingPort()));
  const id = await control.requestFor("web-02");
  shape.parse(parsed(await control.run("list-requests", ["--json"])));
  await control.mustRun("deny", [id]);
  await waiting;
});

test("pairing-status", async () => {
  const paired = z.strictObject({
    ok: z.literal(1),
    paired: z.literal(true),
    hostname: z.literal("web-01"),
    cert_expiry: iso,
    days_left: z.literal(364),
    serial: z.string().regex(/^[0-9a-f]{32}$/),
  });
  const finished = await agent.run("pairing-status", ["--json"]);
  paired.parse(parsed(finished));
  expect(finished.status).toBe(0);
  const other = await control.addAgent("web-03");
  const not = await other.run("pairing-status", ["--json"]);
  z.strictObject({ ok: z.literal(1), paired: z.literal(false) }).parse(parsed(not));
  expect(not.status).toBe(1);
});

test.each([
  ["run", ["web-01", "web-01", "greet"]],
  ["run", ["web-01", "update-ctrl-exec-serial"]],
  ["run", ["not_a_host!", "greet"]],
  ["run", ["web-01:0", "greet"]],
  ["ping", ["web-01", "WEB-01"]],
])("a refused %s %p", async (mode, args) => {
  const finished = await control.run(mode, [...args, "--json"]);
  refusal.parse(parsed(finished));
  expect(finished.status).toBe(2);
});
