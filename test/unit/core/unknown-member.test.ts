import { describe, expect, test } from "bun:test";
import { discoveryRequest, pingRequest, runRequest } from "../../../src/api/schemas.ts";
import { unknownMember, unknownParameter } from "../../../src/core/unknown-member.ts";

const MEMBERS = ["hosts", "script", "args", "wait", "username", "token"];

describe("a member that the API does not know is named, with the nearest one", () => {
  test.each([
    ["arg", "args"],
    ["arguments", "args"],
    ["ARGS", "args"],
    ["argv", "args"],
    ["host", "hosts"],
    ["scripts", "script"],
    ["user", "username"],
    ["user_name", "username"],
    ["tokens", "token"],
    ["waits", "wait"],
    ["targets", "hosts"],
    ["command", "script"],
    ["parameters", "args"],
    ["api_key", "token"],
  ])("%s: %s", (typed, near) => {
    expect(unknownMember(typed, MEMBERS)).toBe(`unknown member "${typed}"; did you mean ${near}?`);
  });

  test.each(["", "x", "async", "colour", "__proto__", "ho"])(
    "%j is near none: all are named",
    (typed) => {
      const known = "expected one of hosts, script, args, wait, username, token";
      expect(unknownMember(typed, MEMBERS)).toBe(`unknown member "${typed}"; ${known}`);
    },
  );

  test.each(["async", "Async", "background", "no_wait"])(
    "%s is detach where there is one",
    (typed) => {
      const known = Object.keys(runRequest.shape);
      expect(unknownMember(typed, known)).toBe(`unknown member "${typed}"; did you mean detach?`);
    },
  );

  test("a word may stand for one member here, and another there", () => {
    expect(unknownParameter("submitter", [], ["host", "user"])).toEndWith("did you mean user?");
    expect(unknownMember("submitter", MEMBERS)).toEndWith("did you mean username?");
  });

  test("T21 a name of a megabyte is cut, and costs nothing", () => {
    expect(unknownMember("x".repeat(1_000_000), MEMBERS).length).toBeLessThan(200);
  });
});

test("a query parameter is told where it belongs", () => {
  expect(unknownParameter("arg", MEMBERS)).toBe(
    'unknown query parameter "arg"; args goes into the JSON body',
  );
  expect(unknownParameter("x", [])).toBe('unknown query parameter "x"; this route takes none');
});

describe("no body has a member that is passed over", () => {
  const hosts = ["web-01"];
  const problems = (schema: typeof runRequest | typeof pingRequest, body: unknown) =>
    schema.safeParse(body).error?.issues.map(({ message }) => message);

  test.each([
    ["/run", runRequest, { hosts, script: "x" }],
    ["/ping", pingRequest, { hosts }],
    ["/discovery", discoveryRequest, {}],
  ] as const)("%s", (_, schema, body) => {
    expect(problems(schema as typeof runRequest, body)).toBeUndefined();
    for (const name of ["arg", "constructor", "toString", "__proto__"]) {
      const more = JSON.parse(
        JSON.stringify(body).replace(/}$/, `,"${name}":[]}`).replace("{,", "{"),
      );
      expect(problems(schema as typeof runRequest, more), name).toEqual([
        expect.stringContaining(`unknown member "${name}"`),
      ]);
    }
  });

  test("T21 of very many three are told", () => {
    const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`m${i}`, 0]));
    const [told = ""] = problems(pingRequest, { ...many, hosts }) ?? [];
    expect(told.split("unknown member")).toHaveLength(4);
  });
});

test("a query parameter that the route does not take is near one of its own, or all are named", () => {
  const own = ["host", "limit"];
  expect(unknownParameter("limits", [], own)).toBe(
    'unknown query parameter "limits"; did you mean limit?',
  );
  expect(unknownParameter("colour", [], own)).toBe(
    'unknown query parameter "colour"; expected one of host, limit',
  );
});

test("64 characters of a name are shown", () => {
  const known = "expected one of a";
  expect(unknownMember("x".repeat(64), ["a"])).toBe(`unknown member "${"x".repeat(64)}"; ${known}`);
  expect(unknownMember("x".repeat(65), ["a"])).toBe(`unknown member "${"x".repeat(64)}"; ${known}`);
  expect(unknownParameter("x".repeat(65), [])).toBe(
    `unknown query parameter "${"x".repeat(64)}"; this route takes none`,
  );
});
