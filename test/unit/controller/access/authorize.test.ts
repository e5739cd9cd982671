/** One question to the auth hook, and what its answer comes to: a pass, a refusal with its next step, a line in the log. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import {
  type AuthRequest,
  authorize,
  type Caller,
  maySee,
} from "../../../../src/controller/access/authorize.ts";
import type { Controller } from "../../../../src/controller/control-host.ts";
import { DeniedError } from "../../../../src/core/errors.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
beforeEach(async () => {
  fleet = await LocalFleet.bare();
});
afterEach(() => fleet[Symbol.asyncDispose]());

const API: Caller = { ...CALLER, face: "api", route: "POST /run", requestId: "0123456789abcdef" };
const REQUEST: AuthRequest = { action: "run", script: "deploy", hosts: ["web-01"], args: ["a b"] };

/** @param body of the hook; undefined for none */
function host(body: string | undefined, more: Partial<Controller["config"]> = {}): Controller {
  const { config } = fleet.controller;
  const auth_hook = body === undefined ? undefined : fleet.folder.script("hook", body);
  return { ...fleet.controller, config: { ...config, auth_hook, ...more } };
}

/** Reason, code and hint; undefined if it was allowed. */
async function refusal(controller: Controller, caller = CALLER, request = REQUEST) {
  const thrown = await authorize(controller, caller, request).catch((error: unknown) => error);
  if (thrown === undefined) return undefined;
  if (!(thrown instanceof DeniedError)) throw thrown;
  const { reason, code, hint } = thrown;
  return { reason, code, hint };
}

/** What the log has of it. */
const logged = () =>
  fleet.log.of("auth").map(({ level, fields }) => [level, fields.RESULT, fields.REASON]);

describe("without a hook", () => {
  test("the command line passes, and the API as its default says", async () => {
    expect(await refusal(host(undefined))).toBeUndefined();
    expect(await refusal(host(undefined), API)).toEqual({
      reason: "no-hook-deny",
      code: "denied",
      hint: "ctrl-exec.conf has no auth_hook, and api_auth_default is deny: set one of the two.",
    });
    expect(await refusal(host(undefined, { api_auth_default: "allow" }), API)).toBeUndefined();
    expect(logged()).toEqual([
      ["info", "pass", "no-hook-cli"],
      ["warning", "deny", "no-hook-deny"],
      ["info", "pass", "no-hook-allow"],
    ]);
  });
});

describe("the hook", () => {
  test("is told who asks for what, and by which way", async () => {
    const controller = host('cat > "$0.in"');
    const caller = { ...API, username: "alice", token: "t", sourceIp: "192.0.2.1" };
    const request = { ...REQUEST, reqid: "fedcba9876543210", submitter: "bob" };
    expect(await refusal(controller, caller, request)).toBeUndefined();
    expect(JSON.parse(readFileSync(fleet.folder.join("hook.in"), "utf8"))).toEqual({
      ...request,
      username: "alice",
      token: "t",
      source_ip: "192.0.2.1",
      via: "api",
      route: "POST /run",
      timestamp: `${fleet.now.toISOString().slice(0, 19)}Z`,
    });
    expect(fleet.log.of("auth")[0]?.fields).toEqual({
      AUTHACTION: "run",
      HOOK: controller.config.auth_hook ?? "",
      IP: "192.0.2.1",
      REQID: "0123456789abcdef",
      RESULT: "pass",
      USER: "alice",
    });
  });

  test.each([
    ["alice", "t", "The auth hook was asked for user alice; --username names another."],
    [
      "alice",
      "",
      "The auth hook was asked for user alice, without a token; --token-file gives one, --username another name.",
    ],
    ["", "t", "The auth hook was asked for no user; --username names another."],
    ["a\nb", "t", "The auth hook was asked for user a b; --username names another."],
  ])(
    "that refuses: user %p with token %p is told what it was asked for",
    async (username, token, hint) => {
      expect(await refusal(host("exit 1"), { ...CALLER, username, token })).toMatchObject({ hint });
      // Who calls the API knows what he has sent.
      expect((await refusal(host("exit 1"), { ...API, username, token }))?.hint).toBeUndefined();
    },
  );

  test("that accepts the token, but not for this, is not to be asked for another name", async () => {
    const hintFor = async (token: string) =>
      (await refusal(host("exit 3"), { ...CALLER, username: "alice", token }))?.hint;
    expect(await hintFor("t")).toBe(
      "The auth hook was asked for user alice: it accepts the token, but not for this.",
    );
    expect(await hintFor("")).toContain("alice, without a token; --token-file gives one");
  });

  test("that fails decides nothing: it is said, with what is wrong if that is known", async () => {
    const killed = host("kill -9 $$");
    expect(await refusal(killed)).toMatchObject({
      reason: "hook killed by SIGKILL",
      hint: `The auth hook ${killed.config.auth_hook} gave no decision, so the request is refused.`,
    });
    const open = host("exit 0");
    fleet.folder.write("hook", "#!/bin/sh\n", 0o777);
    const { hint = "" } = (await refusal(open)) ?? {};
    expect(hint.split("\n")).toEqual([
      expect.stringMatching(/^.*hook.*: .+/),
      `The auth hook ${open.config.auth_hook} gave no decision, so the request is refused.`,
    ]);
    expect(logged().map(([level, result]) => [level, result])).toEqual([
      ["err", "error"],
      ["err", "error"],
    ]);
  });
});

describe("T25 in a browser", () => {
  const origin = "https://evil.example";

  test("a page is refused before the hook is asked, and so is a name that is not this API's", async () => {
    const controller = host('touch "$0.asked"');
    expect(await refusal(controller, { ...API, origin })).toMatchObject({
      reason: "not for web pages",
    });
    const foreignHost = "rebound.example";
    expect(await refusal(controller, { ...API, foreignHost })).toMatchObject({
      reason: "this Host is not in api_hosts",
    });
    expect(fleet.folder.has("hook.asked")).toBe(false);
    const fields = fleet.log.of("auth").map(({ fields: { ORIGIN, HOST } }) => [ORIGIN, HOST]);
    expect(fields).toEqual([
      [origin, undefined],
      [undefined, foreignHost],
    ]);
    expect(await refusal(controller, API)).toBeUndefined();
    expect(fleet.folder.has("hook.asked")).toBe(true);
  });

  test("neither has the hook failed there: the answer is final", async () => {
    const page = { ...API, origin };
    const other = { ...API, foreignHost: "rebound.example" };
    for (const caller of [page, other]) {
      expect(await maySee(host("exit 0"), caller, REQUEST)).toBe(false);
    }
    expect(await maySee(host(undefined), API, REQUEST)).toBe(false);
  });
});

describe("one of many things that a caller may see or not", () => {
  test("is shown or hidden, and neither is logged", async () => {
    expect(await maySee(host("exit 0"), CALLER, REQUEST)).toBe(true);
    expect(await maySee(host("exit 3"), CALLER, REQUEST)).toBe(false);
    expect(logged()).toEqual([]);
  });

  test("is not hidden by a hook that fails: that is a refusal, and logged", async () => {
    for (const body of ["kill -9 $$", "exit 77"]) {
      await expect(maySee(host(body), CALLER, REQUEST)).rejects.toBeInstanceOf(DeniedError);
    }
    expect(logged()).toHaveLength(2);
  });
});
