import { expect, test } from "bun:test";
import { matchPath } from "../../../src/api/routes.ts";

const REQID = "0123456789abcdef";
const HERE = `/status/${REQID}`;

test.each([
  ["/health", ["GET", "HEAD"], "", ""],
  ["/discovery", ["GET", "HEAD", "POST"], "", ""],
  ["/run", ["POST"], "", ""],
  [HERE, ["GET", "HEAD"], REQID, ""],
  [`/runs/${REQID}/events`, ["GET", "HEAD"], REQID, ""],
  [`/runs/${REQID}/output/fe80::1%25eth0`, ["GET", "HEAD"], REQID, "fe80::1%25eth0"],
])("%s is a path of %p", (path, methods, reqid, host) => {
  const found = matchPath(path);
  expect([...(found?.routes.keys() ?? [])].sort()).toEqual(methods);
  expect(found?.parameters).toEqual({ reqid, host, id: "" });
});

test("a join token has an id in its path", () => {
  expect(matchPath(`/tokens/${REQID}/revoke`)?.parameters).toEqual({
    reqid: "",
    host: "",
    id: REQID,
  });
  expect(matchPath("/tokens//revoke")).toBeUndefined();
});

test.each([
  ...["", "/healthy", "/health/", "//health", "/%68ealth", "/Health"],
  ...["/status", "/status/", `${HERE}/`, `${HERE}/output`, `/v1${HERE}`],
  ...[
    `/runs/${REQID}/output`,
    `/runs/${REQID}/output/`,
    "/runs//events",
    `/runs/${REQID}/output/a/b`,
  ],
])("T04 %p is not one", (path) => {
  expect(matchPath(path)).toBeUndefined();
});
