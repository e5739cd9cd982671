import { expect, test } from "bun:test";
import { FAULTS, faultOfCode } from "../../../src/core/fault.ts";

test.each([
  ["ECONNREFUSED", "refused"],
  ["ETIMEDOUT", "timeout"],
  ["ENOTFOUND", "name"],
  ["EAI_AGAIN", "name"],
  ["EHOSTUNREACH", "no-route"],
  ["ENETDOWN", "no-route"],
  ["ECONNRESET", "closed"],
  ["EPIPE", "closed"],
  ["", "closed"],
  ["CERT_HAS_EXPIRED", "certificate"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "certificate"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate"],
  ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "certificate"],
  ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED", "certificate"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "tls"],
  ["EMFILE", "local"],
  ["EACCES", "local"],
  ["a code of tomorrow", "local"],
] as const)("%p is %s", (code, fault) => {
  expect(faultOfCode(code)).toBe(fault);
  expect(FAULTS).toContain(fault);
});
