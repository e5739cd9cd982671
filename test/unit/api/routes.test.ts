import { expect, test } from "bun:test";
import { matchPath } from "../../../src/api/routes.ts";

const HERE = "/status/0123456789abcdef";

test.each([
  ["/health", ["GET", "HEAD"], ""],
  ["/discovery", ["GET", "HEAD", "POST"], ""],
  ["/run", ["POST"], ""],
  [HERE, ["GET", "HEAD"], "0123456789abcdef"],
])("%s is a path of %p", (path, methods, parameter) => {
  const found = matchPath(path);
  expect([...(found?.routes.keys() ?? [])].sort()).toEqual(methods);
  expect(found?.parameter).toBe(parameter);
});

test.each([
  ...["", "/healthy", "/health/", "//health", "/%68ealth", "/Health"],
  ...["/status", "/status/", `${HERE}/`, `${HERE}/output`, `/v1${HERE}`],
])("T04 %p is none", (path) => {
  expect(matchPath(path)).toBeUndefined();
});
