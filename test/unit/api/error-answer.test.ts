import { expect, test } from "bun:test";
import { errorAnswer } from "../../../src/api/error-answer.ts";
import { errorAnswer as schema } from "../../../src/api/schemas.ts";
import {
  CtrlExecError,
  DeniedError,
  ERROR_FACTS,
  type ErrorCode,
  LockedError,
} from "../../../src/core/errors.ts";

const REQID = "0123456789abcdef";
const answerTo = (error: CtrlExecError) => errorAnswer(error, REQID);
const HINT = { hint: "See /etc/ctrl-exec." };

test("T67 whom the hook refuses is told the reason and nothing of this host", () => {
  expect(answerTo(new DeniedError("not you", 3, "See /etc/ctrl-exec/hook."))).toEqual({
    status: 403,
    body: { ok: false, error: "not you", detail: "the request is refused: not you", code: 3 },
  });
});

test("where there is no hook, who runs this host is told what to set", () => {
  const denied = new DeniedError("no-hook-deny", 1, "Set one.");
  expect(answerTo(denied)).toEqual({
    status: 403,
    body: {
      ...{ ok: false, error: "no-hook-deny", detail: "the request is refused: no-hook-deny" },
      ...{ code: 1, hint: "Set one." },
    },
  });
});

test("a locked script is answered with who holds it", () => {
  expect(answerTo(new LockedError(["web-01:deploy"], "ctrl-exec list-locks", [REQID]))).toEqual({
    status: 409,
    body: {
      ok: false,
      error: "locked",
      detail: "Locked: already running: web-01:deploy",
      code: 4,
      conflicts: ["web-01:deploy"],
      hint: `Run ${REQID} is in the way: see GET /status/${REQID}, or end it with POST /runs/${REQID}/cancel.`,
    },
  });
});

test("every error has the members that every other has, and they are the document's", () => {
  const errors = (Object.keys(ERROR_FACTS) as ErrorCode[]).map(
    (code) => new CtrlExecError(code, "Cannot go: why"),
  );
  const others = [new DeniedError("denied", 1), new LockedError(["a:b"], "list-locks")];
  for (const error of [...errors, ...others]) {
    const { body } = answerTo(error);
    expect(schema.strict().parse(body)).toEqual(body as never);
  }
  expect(answerTo(new DeniedError("denied", 1)).body).toMatchObject({
    error: "denied",
    detail: "the request is refused",
  });
});

test("a hint that names a command of this host is another one for a caller who has no shell here", () => {
  const hints = { hint: "See: ctrl-exec rotate-cert", remoteHint: "Ask the operator." };
  for (const code of ["bad-request", "busy"] as const) {
    const { body } = answerTo(new CtrlExecError(code, "Cannot go: why", hints));
    expect(body).toMatchObject({ detail: "Cannot go: why", hint: "Ask the operator." });
  }
});

test.each([
  ["bad-request", 400, "bad request"],
  ["not-found", 404, "not found"],
  ["exists", 409, "exists"],
  ["too-large", 413, "too large"],
] as const)("%s is the caller's: %d, with the next step", (code, status, error) => {
  expect(answerTo(new CtrlExecError(code, "Cannot go: why", HINT))).toMatchObject({
    status,
    body: { ok: false, error, detail: "Cannot go: why", ...HINT },
  });
});

test.each([
  ["busy", 503, "busy", { "Retry-After": "1" }],
  ["unrecorded", 507, "not recorded", {}],
] as const)("%s is this host's, and reported all the same", (code, status, error, headers) => {
  const answer = answerTo(new CtrlExecError(code, "Cannot go: why", HINT));
  expect(answer).toMatchObject({ status, headers, body: { error } });
  expect(answer.body).toMatchObject({ detail: expect.stringContaining("Cannot go: why") });
});

test.each(["config", "storage", "internal", "damaged", "unreachable"] as const)(
  "T67 of what is wrong here (%s) a caller learns only where it is written",
  (code) => {
    expect(answerTo(new CtrlExecError(code, "Cannot read /etc/secret: why", HINT))).toMatchObject({
      status: 500,
      body: {
        error: "server error",
        detail: "see the log of the control host for REQID=0123456789abcdef",
        hint: undefined,
      },
    });
  },
);
