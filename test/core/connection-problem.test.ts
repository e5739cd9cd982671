import { describe, expect, test } from "bun:test";
import { type ConnectionPhase, connectionProblem } from "../../src/core/connection-problem.ts";

const agent = (phase: ConnectionPhase, code: string) =>
  connectionProblem(phase, code, "agent", "web-01:7443");

describe("the likely cause, in words", () => {
  test.each([
    ["connect", "ECONNREFUSED", "connection refused by web-01:7443"],
    ["connect", "ETIMEDOUT", "no answer from web-01:7443"],
    ["connect", "ENOTFOUND", "cannot resolve the name of web-01:7443"],
    ["connect", "EAI_AGAIN", "the name server does not answer"],
    ["connect", "EHOSTUNREACH", "no route to web-01:7443"],
    ["connect", "EMFILE", "too many open files"],
    ["handshake", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "a certificate that is not of this CA"],
    ["handshake", "DEPTH_ZERO_SELF_SIGNED_CERT", "a certificate that is not of this CA"],
    ["handshake", "CERT_HAS_EXPIRED", "has expired"],
    ["handshake", "CERT_NOT_YET_VALID", "is not valid yet"],
    ["handshake", "ERR_SSL_WRONG_VERSION_NUMBER", "answers without TLS"],
    ["handshake", "ERR_SSL_NO_SHARED_CIPHER", "does not speak TLS as the agent does"],
    ["handshake", "ECONNRESET", "closed the connection before TLS"],
    ["handshake", "", "closed the connection before TLS"],
    ["request", "ECONNRESET", "closed the connection before it answered"],
    ["request", "EPIPE", "closed the connection before it answered"],
    // TLS 1.3: the refusal comes as an alert on the first read.
    ["request", "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "refuses this host's certificate"],
    ["request", "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "refuses this host's certificate"],
    ["request", "ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED", "certificate: expired or revoked"],
  ] as const)("%s %s: %s", (phase, code, text) => {
    expect(agent(phase, code).message).toContain(text);
  });
});

test("what is not known is told by its code, and names the place", () => {
  expect(agent("request", "EWEIRD").message).toBe("connection to web-01:7443 failed (EWEIRD)");
});

test("the hint is for the side that is dialled", () => {
  const { hint } = agent("handshake", "ECONNRESET");
  expect(hint).toContain("allowed_ips may");
  expect(hint).toContain("as many connections as it may have");
  expect(hint).toContain("ACTION=rate-block, ip-block, accept-fatal, tls-failure or hang-up");
  expect(hint).toContain("systemctl reload ctrl-exec-agent");
  expect(connectionProblem("handshake", "ECONNRESET", "controller", "ctl:7444").hint).toContain(
    "pairing-mode",
  );
});
