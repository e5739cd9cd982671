import { expect, test } from "bun:test";
import type { IncomingMessage } from "node:http";
import {
  bearerToken,
  expectsContinue,
  namesOneHost,
  pathOf,
  queryNames,
  queryOf,
  soleHeader,
} from "../../../src/api/request.ts";

/** A head as the parser gives it: names and values by turns. */
function head(rawHeaders: readonly string[], httpVersion = "1.1"): IncomingMessage {
  return { httpVersion, rawHeaders } as unknown as IncomingMessage;
}

test.each([
  ["/run", "/run"],
  ["/run?a=/b", "/run"],
  ["/run#a", "/run"],
  ["?a", "/"],
  ["http://here:7445/run?a", "/run"],
  ["HTTPS://here", "/"],
  ["/http://here/run", "/http://here/run"],
])("the path of %s is %s", (url, path) => {
  expect(pathOf(url)).toBe(path);
});

test.each<[string, string[]]>([
  ["/run", []],
  ["/run?", []],
  ["/run?a=1&b&a=2#c?d=3", ["a", "b", "a"]],
  ["/run?h%6Fsts=x", ["hosts"]],
])("the parameters of %s are %p", (url, names) => {
  expect(queryNames(url)).toEqual(names);
});

test("T04 one Host, and only HTTP/1.0 may leave it out", () => {
  expect(namesOneHost(head(["hOST", "a", "X", "Host"]))).toBe(true);
  expect(namesOneHost(head(["Host", "a"], "1.0"))).toBe(true);
  expect(namesOneHost(head([], "1.0"))).toBe(true);
  expect(namesOneHost(head(["X", "Host"]))).toBe(false);
  for (const version of ["1.0", "1.1"]) {
    expect(namesOneHost(head(["Host", "a", "host", "a"], version))).toBe(false);
  }
});

test("a header that may come once comes once, and is UTF-8", () => {
  const asSent = (text: string) => Buffer.from(text).toString("latin1");
  expect(soleHeader(head(["Y", "X", "x", asSent("ä")]), "X")).toBe("ä");
  expect(soleHeader(head(["Y", "X", "X", ""]), "x")).toBe("");
  expect(soleHeader(head(["Y", "X"]), "X")).toBeUndefined();
  const refused = (answer: string) =>
    expect.objectContaining({
      answer: expect.objectContaining({
        status: 400,
        body: expect.objectContaining({ detail: answer }),
      }),
    });
  expect(() => soleHeader(head(["X", "1", "x", "1"]), "X")).toThrow(
    refused("2 headers X; at most one"),
  );
  expect(() => soleHeader(head(["X", "\xe4"]), "X")).toThrow(refused("the header X is not UTF-8"));
});

test.each([
  ["Bearer abc", "abc"],
  ["bearer  abc ", "abc"],
  ["Bearer", undefined],
  ["Bearer a b", undefined],
  ["Basic abc", undefined],
  ["XBearer abc", undefined],
])("the token of %p is %p", (value, token) => {
  expect(bearerToken(head(["authorization", value]))).toBe(token);
});

test("of a parameter that is named twice the last one counts", () => {
  expect(queryOf("/run?a=1&b=x%20y&a=2#c?d=3")).toEqual({ a: "2", b: "x y" });
  expect(queryOf("/run")).toEqual({});
});

test.each([
  [undefined, true],
  ["100-Continue", true],
  ["100-continue, x", false],
  ["", false],
])("whether %p expects nothing but to be told to go on: %p", (expect_, does) => {
  const headers = expect_ === undefined ? {} : { expect: expect_ };
  expect(expectsContinue({ headers } as unknown as IncomingMessage)).toBe(does);
});
