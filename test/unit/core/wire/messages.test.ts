import { describe, expect, test } from "bun:test";
import { isScriptName } from "../../../../src/core/script-name.ts";
import { capabilitiesReply } from "../../../../src/core/wire/messages/capabilities-reply.ts";
import {
  pairingAnswer,
  pairingPending,
  pairingRequest,
} from "../../../../src/core/wire/messages/pairing.ts";
import { pingReply } from "../../../../src/core/wire/messages/ping-reply.ts";
import { busyWith, refusalIn } from "../../../../src/core/wire/messages/refusal.ts";
import { runReply } from "../../../../src/core/wire/messages/run-reply.ts";
import { runRequest } from "../../../../src/core/wire/messages/run-request.ts";
import { PiecedText } from "../../../../src/core/wire/pieced-text.ts";

describe("a run request", () => {
  test("as 0.8 sends it", () => {
    const body = { script: "s", args: ["a"], reqid: "r", username: "u", token: "t" };
    expect(runRequest.parse(body)).toEqual(body);
  });
  test("nothing but the script, and nulls for what is not set", () => {
    const filled = { script: "s", args: [], reqid: "", username: "", token: "" };
    expect(runRequest.parse({ script: "s" })).toEqual(filled);
    expect(runRequest.parse({ script: "s", username: null, token: null })).toEqual(filled);
  });
  test("what is not known does not pass through", () => {
    expect(runRequest.parse(JSON.parse('{"script":"s","__proto__":{"x":1},"sudo":true}'))).toEqual({
      script: "s",
      args: [],
      reqid: "",
      username: "",
      token: "",
    });
  });
  test.each([
    [{}],
    [null],
    [[]],
    ["s"],
    [{ script: 1 }],
    [{ script: null }],
    [{ script: "s", args: "a" }],
    [{ script: "s", args: { length: 1 } }],
    [{ script: "s", args: [1] }],
    [{ script: "s", args: [["a"]] }],
    [{ script: "s", args: [null] }],
    [{ script: "s", reqid: 1 }],
    [{ script: "s", username: ["root"] }],
    [{ script: "s", token: { toString: 1 } }],
  ])("not %j", (body) => {
    expect(runRequest.safeParse(body).success).toBe(false);
  });
});

describe("a run's answer", () => {
  test("as 0.8 sends it, a number as text included", () => {
    expect(runReply.parse({ script: "s", exit: 3, stdout: "o", stderr: "e", reqid: "r" })).toEqual({
      exit: 3,
      stdout: "o",
      stderr: "e",
    });
    expect(runReply.parse({ exit: "126" }).exit).toBe(126);
    expect(runReply.parse({ exit: -1, error: "script not permitted" })).toEqual({
      exit: -1,
      stdout: "",
      stderr: "",
      error: "script not permitted",
    });
  });
  test.each([
    [{}],
    [null],
    [{ exit: null }],
    [{ exit: true }],
    [{ exit: 1.5 }],
    [{ exit: "" }],
    [{ exit: "0x0" }],
    [{ exit: "0 " }],
    [{ exit: "123456" }],
    [{ exit: 1e300 }],
    [{ exit: 0, stdout: 1 }],
    [{ exit: 0, stdout: ["a"] }],
    [{ exit: 0, error: { message: "x" } }],
    [{ exit: 0, stdout_b64: "not base64!" }],
    [{ exit: 0, stdout_b64: "QUJ" }],
    [{ exit: 0, stdout_b64: "QU=D" }],
    [{ exit: 0, stdout_dropped: -1 }],
    [{ exit: 0, stdout_dropped: 1.5 }],
    [{ exit: 0, signal: 9 }],
  ])("T29 not %j", (body) => {
    expect(runReply.safeParse(body).success).toBe(false);
  });
  test("T29 base64 that came in pieces is base64 too", () => {
    const reads = (base64: string) => {
      const text = new PiecedText();
      text.add(base64);
      return runReply.safeParse({ exit: 0, stderr_b64: text }).success;
    };
    expect(["QUJD", "QUJ", "QU D"].map(reads)).toEqual([true, false, false]);
  });
  test("T29 32 MiB of base64 are read without running out of stack", () => {
    expect(runReply.safeParse({ exit: 0, stdout_b64: "QUJD".repeat(2 ** 23) }).success).toBe(true);
  });
});

test("a ping's answer", () => {
  expect(pingReply.parse({ status: "ok" })).toEqual({
    status: "ok",
    host: "",
    version: "",
    expiry: "",
  });
  expect(pingReply.safeParse({ status: "fine" }).success).toBe(false);
  expect(pingReply.safeParse({ status: "ok", version: 1 }).success).toBe(false);
});

test("a refusal is whatever has an error text", () => {
  expect(refusalIn({ error: "serial mismatch", status: "forbidden" })).toBe("serial mismatch");
  expect(refusalIn({ error: "" })).toBe("");
  for (const other of [{ error: 403 }, { status: "ok" }, "text", undefined]) {
    expect(refusalIn(other)).toBeUndefined();
  }
});

test("a script runs already as the run that the agent names, if that is one", () => {
  const reqid = "a1b2c3d4e5f60718";
  expect(busyWith({ error: "busy", reqid })).toBe(reqid);
  const others = [
    { error: "busy", reqid: "../../x" },
    { error: "busy" },
    { error: "denied", reqid },
  ];
  expect(others.map(busyWith)).toEqual([undefined, undefined, undefined]);
});

describe("pairing", () => {
  const request = { hostname: "web-01", csr: "PEM", nonce: "0123456789abcdef0123456789abcdef" };
  test("a request, with the new port or without", () => {
    expect(pairingRequest.parse(request)).toEqual(request);
    expect(pairingRequest.parse({ ...request, port: 7450 }).port).toBe(7450);
  });
  test.each([
    [{ ...request, nonce: "" }],
    [{ ...request, nonce: `${request.nonce}0` }],
    [{ ...request, nonce: request.nonce.toUpperCase() }],
    [{ ...request, nonce: `${request.nonce}\n` }],
    [{ ...request, csr: "x".repeat(32_769) }],
    [{ ...request, csr: undefined }],
    [{ ...request, hostname: ["web-01"] }],
    [{ ...request, port: 0 }],
    [{ ...request, port: 65_536 }],
    [{ ...request, port: "7443" }],
    [{ ...request, commitment: "" }],
    [{ ...request, commitment: "0".repeat(63) }],
    [{ ...request, commitment: "A".repeat(64) }],
    [{ ...request, commitment: null }],
  ])("not %#", (body) => {
    expect(pairingRequest.safeParse(body).success).toBe(false);
  });

  test("T17 the first answer's request id is one", () => {
    const reqid = "a1b2c3d4e5f60718";
    expect(pairingPending.parse({ status: "pending", reqid })).toEqual({
      status: "pending",
      reqid,
    });
    expect(pairingPending.safeParse({ status: "pending", reqid: "../../x" }).success).toBe(false);
    expect(pairingPending.parse({ status: "error", reason: "pairing queue full" })).toEqual({
      status: "error",
      reason: "pairing queue full",
    });
  });

  test("T07 an approval without its nonce is none; 0.8 denies without one", () => {
    const approval = {
      status: "approved" as const,
      cert: "c",
      ca: "a",
      nonce: "n",
      dispatcher_serial: "3",
    };
    expect(pairingAnswer.parse(approval)).toEqual(approval);
    expect(pairingAnswer.safeParse({ ...approval, nonce: undefined }).success).toBe(false);
    expect(pairingAnswer.safeParse({ ...approval, ca: undefined }).success).toBe(false);
    expect(pairingAnswer.safeParse({ ...approval, status: "maybe" }).success).toBe(false);
    expect(pairingAnswer.parse({ status: "denied", reason: "approval timeout" })).toEqual({
      status: "denied",
      reason: "approval timeout",
    });
  });
});

describe("T69 what an agent says of itself is short", () => {
  const long = "x".repeat(9000);
  test.each([
    [runReply, { exit: 0, error: long }],
    [runReply, { exit: 0, signal: long }],
    [runReply, { exit: 0, cancelled_by: long }],
    [runReply, { exit: 0, started: long }],
    [runReply, { exit: 0, ended: long }],
    [runReply, { exit: 0, stdout: 1 }],
    [pingReply, { status: "ok", version: long }],
    [pingReply, { status: "ok", expiry: long }],
    [capabilitiesReply, { status: "ok", version: long }],
  ])("not %#", (schema, body) => {
    expect(schema.safeParse(body).success).toBe(false);
  });

  test("a refusal is cut", () => {
    expect(refusalIn({ error: long })).toHaveLength(8192);
  });

  test("scripts and tags are counted before they are looked at", () => {
    const scripts = (count: number) => Array.from({ length: count }, () => ({ name: "a" }));
    const tags = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, "v"]));
    const reply = (scriptCount: number, tagCount: number) =>
      capabilitiesReply.safeParse({
        status: "ok",
        scripts: scripts(scriptCount),
        tags: tags(tagCount),
      });
    expect(reply(10_000, 1000).data?.scripts).toHaveLength(10_000);
    expect(reply(10_001, 0).success).toBe(false);
    expect(reply(0, 1001).success).toBe(false);
    const looked = { name: "a" };
    let looks = 0;
    const spy = new Proxy(looked, { get: () => (looks += 1) });
    const many = Array.from({ length: 10_001 }, () => spy);
    expect(capabilitiesReply.safeParse({ status: "ok", scripts: many }).success).toBe(false);
    expect(looks).toBe(0);
  });
});

test("whether a script is executable may be a number, and is no where it is not said", () => {
  const reads = (executable: unknown) =>
    capabilitiesReply.safeParse({ status: "ok", scripts: [{ name: "a", executable }] }).data
      ?.scripts[0];
  const [yes, no] = [true, false].map((executable) => ({ name: "a", path: "", executable }));
  expect([true, 1, 2].map(reads)).toEqual([yes, yes, yes]);
  expect([false, 0, undefined, "1"].map(reads)).toEqual([no, no, no, undefined]);
});

test("a host lists the names that an allowlist can hold, and no others", () => {
  const lists = (name: string) =>
    capabilitiesReply.safeParse({ status: "ok", scripts: [{ name }] }).success;
  for (const name of ["a", "s".repeat(255)])
    expect([isScriptName(name), lists(name)]).toEqual([true, true]);
  for (const name of ["", "a b", "s".repeat(256)]) {
    expect([isScriptName(name), lists(name)]).toEqual([false, false]);
  }
});
