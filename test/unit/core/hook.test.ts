import { describe, expect, test } from "bun:test";
import {
  decideHook,
  type HookRequest,
  hookEnvironment,
  hookInput,
  logDecision,
  saysNo,
  tooLongVariables,
} from "../../../src/core/hook.ts";
import { EventLog } from "../../support/event-log.ts";

const request: HookRequest = {
  action: "run",
  script: "deploy",
  hosts: ["web-01", "web-02:7450"],
  args: ["--full", "two words", ""],
  username: "alice",
  token: "t0ken",
  sourceIp: "10.0.0.5",
  time: new Date("2025-01-15T12:00:00.500Z"),
  via: "cli",
};

describe("what a hook is told (docs/PROTOCOL.md, section 3)", () => {
  test("on standard input", () => {
    expect(JSON.parse(hookInput(request)) as unknown).toEqual({
      action: "run",
      script: "deploy",
      hosts: ["web-01", "web-02:7450"],
      args: ["--full", "two words", ""],
      username: "alice",
      token: "t0ken",
      source_ip: "10.0.0.5",
      timestamp: "2025-01-15T12:00:00Z",
      via: "cli",
    });
  });

  test("in the environment", () => {
    expect(hookEnvironment(request)).toEqual({
      ENVEXEC_ACTION: "run",
      ENVEXEC_SCRIPT: "deploy",
      ENVEXEC_HOSTS: "web-01,web-02:7450",
      ENVEXEC_ARGS: "--full two words ",
      ENVEXEC_ARGS_JSON: '["--full","two words",""]',
      ENVEXEC_USERNAME: "alice",
      ENVEXEC_TOKEN: "t0ken",
      ENVEXEC_SOURCE_IP: "10.0.0.5",
      ENVEXEC_TIMESTAMP: "2025-01-15T12:00:00Z",
      ENVEXEC_VIA: "cli",
    });
  });

  test("on the agent there are no hosts, and nobody knows through which face", () => {
    const { hosts: _, via: __, ...agentRequest } = request;
    expect(JSON.parse(hookInput(agentRequest)) as unknown).not.toHaveProperty("hosts");
    expect(hookEnvironment(agentRequest)).not.toHaveProperty("ENVEXEC_HOSTS");
    expect(JSON.parse(hookInput(agentRequest)) as unknown).not.toHaveProperty("via");
    expect(hookEnvironment(agentRequest)).not.toHaveProperty("ENVEXEC_VIA");
    expect(hookEnvironment(agentRequest)).not.toHaveProperty("ENVEXEC_HUB");
    // Through a hub, the caller's address is the hub's word.
    const atHub = { ...agentRequest, hub: "hub.example.com:7446" };
    expect(JSON.parse(hookInput(atHub)) as unknown).toMatchObject({ hub: atHub.hub });
    expect(hookEnvironment(atHub)).toMatchObject({ ENVEXEC_HUB: atHub.hub });
  });
});

test("who asks about a run through the API is told with the route, the run and its submitter", () => {
  const more = { via: "api", route: "GET /status/{reqid}", reqid: "0a", submitter: "bob" } as const;
  expect(JSON.parse(hookInput({ ...request, ...more }))).toMatchObject(more);
  expect(hookEnvironment({ ...request, ...more })).toMatchObject({
    ENVEXEC_VIA: "api",
    ENVEXEC_ROUTE: "GET /status/{reqid}",
    ENVEXEC_REQID: "0a",
    ENVEXEC_SUBMITTER: "bob",
  });
});

test.each([
  [{ kind: "exited", code: 0 }, false],
  [{ kind: "exited", code: 1 }, true],
  [{ kind: "exited", code: 3 }, true],
  // It may be broken, too.
  [{ kind: "exited", code: 4 }, false],
  [{ kind: "killed", signal: "SIGKILL" }, false],
] as const)("whether a hook that has %j has decided against: %p", (outcome, no) => {
  expect(saysNo(decideHook(outcome))).toBe(no);
});

test("what makes a hook executable is told to its administrator, where it is known", () => {
  expect(
    decideHook({ kind: "not-executable", reason: "it is a folder", remedy: "name a file" }),
  ).toEqual({
    allowed: false,
    reason: "hook-not-executable",
    code: 1,
    broken: true,
    fault: { problem: "it is a folder", remedy: "name a file" },
  });
});

test("T67 a variable may have 128 KiB with its name and its closing NUL", () => {
  const room = 131_072 - "A=".length - 1;
  expect(tooLongVariables({ A: "x".repeat(room), B: "" })).toEqual([]);
  expect(tooLongVariables({ A: "x".repeat(room + 1), B: "" })).toEqual(["A"]);
  expect(tooLongVariables({ A: "é".repeat(room / 2 + 1) })).toEqual(["A"]);
});

describe("only a clean exit 0 passes", () => {
  test("exit 0", () => {
    expect(decideHook({ kind: "exited", code: 0 })).toEqual({ allowed: true });
  });
  test.each([
    [1, "denied", 1],
    [2, "bad credentials", 2],
    [3, "insufficient privilege", 3],
    [4, "hook exited 4", 1],
    [126, "hook exited 126", 1],
    [127, "hook exited 127", 1],
    [255, "hook exited 255", 1],
    [-1, "hook exited -1", 1],
  ] as const)("T24 exit %d is refused", (code, reason, hookCode) => {
    expect(decideHook({ kind: "exited", code })).toEqual({
      allowed: false,
      reason,
      code: hookCode,
      broken: false,
      ...(reason.startsWith("hook exited") ? { unclear: true } : {}),
    });
  });
  test.each([
    [{ kind: "killed", signal: "SIGKILL" }, "hook killed by SIGKILL"],
    [{ kind: "timed-out", seconds: 10 }, "hook timed out after 10s"],
    [{ kind: "not-executable", reason: "EACCES" }, "hook-not-executable"],
  ] as const)("T24 %j is refused, as a fault of the hook", (outcome, reason) => {
    expect(decideHook(outcome)).toEqual({ allowed: false, reason, code: 1, broken: true });
  });
  test.each([
    [[], "this system does not accept an environment of that length"],
    [
      ["ENVEXEC_HOSTS", "ENVEXEC_ARGS"],
      "ENVEXEC_HOSTS and ENVEXEC_ARGS would be longer than the 128 KiB that a variable may have",
    ],
  ])(
    "T67 what %j do not hold is refused, and its administrator is told why",
    (variables, problem) => {
      expect(decideHook({ kind: "too-long", variables })).toMatchObject({
        allowed: false,
        reason: "request too long for the auth hook",
        broken: true,
        fault: { problem, remedy: expect.stringMatching(/./) },
      });
    },
  );
  test("T24 one that others could change is refused, and its host's administrator is told why", () => {
    const fault = { problem: "/h can be written by others (mode 0775)", remedy: "chmod go-w /h" };
    const decision = decideHook({ kind: "not-trusted", ...fault });
    expect(decision).toEqual({
      allowed: false,
      reason: "hook-not-trusted",
      code: 1,
      broken: true,
      fault,
    });
  });
});

test.each([
  [{ allowed: true }, "info", { RESULT: "pass" }],
  [{ allowed: true, reason: "no-hook-cli" }, "info", { REASON: "no-hook-cli", RESULT: "pass" }],
  [decideHook({ kind: "exited", code: 1 }), "warning", { REASON: "denied", RESULT: "deny" }],
  [
    decideHook({ kind: "not-trusted", problem: "/h is open", remedy: "chmod go-w /h" }),
    "err",
    { MSG: "/h is open; chmod go-w /h", REASON: "hook-not-trusted", RESULT: "error" },
  ],
] as const)("%j is logged with who asked", (decision, level, fields) => {
  const { log, events } = new EventLog("ctrl-exec");
  logDecision(log, decision, { authaction: "run", ip: "192.0.2.1", user: "alice" });
  const asked = { AUTHACTION: "run", IP: "192.0.2.1", USER: "alice" };
  expect(events).toEqual([{ level, action: "auth", fields: { ...asked, ...fields } }]);
});

test("T65 a hook that could not be started refuses, and its administrator is told what to do", () => {
  const shortage = { problem: "no memory is left", remedy: "add some" };
  expect(decideHook({ kind: "no-room", shortage })).toEqual({
    allowed: false,
    reason: "the auth hook could not be started: no memory is left",
    code: 1,
    broken: true,
    fault: shortage,
  });
});
