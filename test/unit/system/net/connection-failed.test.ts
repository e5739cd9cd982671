import { expect, test } from "bun:test";
import { constants } from "node:os";
import { errnoName } from "../../../../src/system/errno-name.ts";
import { ConnectionFailed, failureCode } from "../../../../src/system/net/connection-failed.ts";

test("a failure has the system's code, or the TLS library's as Node writes it", () => {
  const reset = Object.assign(new Error("gone"), { code: "ECONNRESET" });
  const tls = new Error("error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER");
  expect([reset, tls, new Error("what"), undefined].map(failureCode)).toEqual([
    "ECONNRESET",
    "ERR_SSL_WRONG_VERSION_NUMBER",
    "",
    "",
  ]);
  const failed = ConnectionFailed.from(reset);
  expect(failed).toMatchObject({ name: "ConnectionFailed", code: "ECONNRESET", cause: reset });
  expect(ConnectionFailed.from(failed)).toBe(failed);
});

test("an error number has its name, or itself where it has none", () => {
  expect(errnoName(constants.errno.ECONNREFUSED, { ...constants.errno })).toBe("ECONNREFUSED");
  expect(errnoName(99_999, { ...constants.errno })).toBe("errno 99999");
});
