import { describe, expect, test } from "bun:test";
import {
  type ConnectionPhase,
  connectionProblem,
  refusesCertificate,
} from "../../../../src/core/wire/connection-problem.ts";

const agent = (phase: ConnectionPhase, code: string) =>
  connectionProblem(phase, code, "agent", "web-01:7443");

describe("the likely cause, in words", () => {
  test.each([
    ["connect", "ECONNREFUSED", "connection refused by web-01:7443"],
    ["connect", "ETIMEDOUT", "no answer from web-01:7443"],
    ["connect", "ENOTFOUND", "cannot resolve the name of web-01:7443"],
    ["connect", "EAI_AGAIN", "the name server does not answer"],
    ["connect", "EHOSTUNREACH", "no way to web-01:7443: the host is off"],
    ["connect", "ENETUNREACH", "no route to the network of web-01:7443"],
    ["connect", "ENETDOWN", "network interface of this host that leads to web-01:7443 is down"],
    ["connect", "EACCES", "this host forbids connections to web-01:7443"],
    ["connect", "EPERM", "this host's own firewall drops connections to web-01:7443"],
    ["connect", "EINVAL", "this host throws away what it sends to web-01:7443"],
    ["connect", "EADDRNOTAVAIL", "no address and port left to call web-01:7443 from"],
    ["connect", "EAGAIN", "no address and port left to call web-01:7443 from"],
    ["connect", "EMFILE", "cannot call web-01:7443: this program has too many files open"],
    ["connect", "ENFILE", "cannot call web-01:7443: this host has too many files open"],
    ["connect", "ENOMEM", "cannot call web-01:7443: no memory is left"],
    ["request", "EHOSTUNREACH", "no way to web-01:7443"],
    ["request", "ETIMEDOUT", "no answer from web-01:7443"],
    ["handshake", "ETIMEDOUT", "accepts the connection and then says nothing"],
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
    ["handshake", "ERR_STREAM_PREMATURE_CLOSE", "closed the connection before TLS"],
    ["handshake", "EPIPE", "closed the connection before TLS"],
    // It was there a moment ago.
    ["handshake", "ECONNREFUSED", "connection to web-01:7443 failed (ECONNREFUSED)"],
    ["request", "ENETDOWN", "network interface of this host that leads to web-01:7443 is down"],
    ["handshake", "ENETUNREACH", "no route to the network of web-01:7443"],
    ["handshake", "EPERM", "this host's own firewall drops connections to web-01:7443"],
    ["handshake", "ERR_SSL_TLSV1_ALERT_CERTIFICATE_REVOKED", "certificate: expired or revoked"],
    ["handshake", "ERR_TLS_CERT_ALTNAME_INVALID", "does not speak TLS as the agent does"],
    ["connect", "constructor", "connection to web-01:7443 failed (constructor)"],
    // TLS 1.3: the refusal comes as an alert on the first read.
    ["request", "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "refuses this host's certificate"],
    ["request", "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "refuses this host's certificate"],
    ["request", "ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED", "certificate: expired or revoked"],
  ] as const)("%s %s: %s", (phase, code, text) => {
    expect(agent(phase, code).message).toContain(text);
  });
});

test("no reason comes without a next step, for either side, and no two with the same words", () => {
  const codes = [
    ...["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "EACCES", "EPERM", "EINVAL"],
    ...[
      "ENODEV",
      "ENOZONE",
      "EADDRNOTAVAIL",
      "EAFNOSUPPORT",
      "ETIMEDOUT",
      "ENOTFOUND",
      "EAI_AGAIN",
    ],
    ...["EMFILE", "ENFILE", "ENOMEM", "EWEIRD"],
  ];
  for (const peer of ["agent", "controller"] as const) {
    const problems = codes.map((code) =>
      connectionProblem("connect", code, peer, "[fe80::1%eth0]:7443"),
    );
    for (const { message, hint } of problems) {
      expect(message).toContain("[fe80::1%eth0]:7443");
      expect(hint).not.toBe("");
    }
    expect(new Set(problems.map(({ message }) => message)).size).toBe(codes.length);
  }
});

test("a next step names the address alone", () => {
  const hint = (place: string) => connectionProblem("connect", "EINVAL", "agent", place).hint;
  expect(hint("[fd00::1]:7443")).toEndWith("ip route get fd00::1");
  expect(hint("192.0.2.1:7443")).toEndWith("ip route get 192.0.2.1");
});

test("a family that is off is named", () => {
  const off = (place: string) =>
    connectionProblem("connect", "EAFNOSUPPORT", "agent", place).message;
  expect(off("[fd00::1]:7443")).toStartWith("IPv6 is off on this host");
  expect(off("192.0.2.1:7443")).toStartWith("IPv4 is off on this host");
});

test("what is not known is told by its code, and names the place", () => {
  expect(agent("request", "EWEIRD").message).toBe("connection to web-01:7443 failed (EWEIRD)");
});

test("the hint is for the side that is dialled", () => {
  const { hint } = agent("handshake", "ECONNRESET");
  expect(hint).toContain("allowed_ips may");
  expect(hint).toContain("its connections are used up");
  expect(hint).toContain("ACTION=rate-block, ip-block, accept-fatal, tls-failure or hang-up");
  expect(hint).toContain("systemctl reload ctrl-exec-agent");
  expect(connectionProblem("handshake", "ECONNRESET", "controller", "ctl:7444").hint).toContain(
    "pairing-mode",
  );
});

test.each([
  ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", true],
  ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED", true],
  ["ERR_SSL_NO_SHARED_CIPHER", false],
  ["ECONNRESET", false],
])("whether with %s the peer has refused our certificate: %p", (code, has) => {
  expect(refusesCertificate(code)).toBe(has);
});

test("the control host is called that, whatever is wrong", () => {
  const control = (phase: ConnectionPhase, code: string) =>
    connectionProblem(phase, code, "controller", "ctl:7444");
  expect(control("handshake", "ETIMEDOUT")).toEqual({
    message: "the control host at ctl:7444 accepts the connection and then says nothing",
    hint: "Check that the port belongs to the control host, and the host's load.",
  });
  expect(control("handshake", "ERR_SSL_WRONG_VERSION_NUMBER").message).toBe(
    "something at ctl:7444 that is not a control host answers without TLS",
  );
  expect(agent("handshake", "ERR_SSL_WRONG_VERSION_NUMBER").message).toContain("not an agent");
  expect(control("connect", "ECONNREFUSED").hint).toContain(
    "pairing-mode runs on the control host",
  );
  expect(agent("connect", "ECONNREFUSED").hint).toContain("systemctl status ctrl-exec-agent");
});

test("a request that may have been carried out is reported as that", () => {
  expect(agent("request", "ECONNRESET").hint).toStartWith("The request may have been carried out");
});

describe("what to look at on this host", () => {
  const hint = (code: string, place: string) =>
    connectionProblem("connect", code, "agent", place).hint;

  test("is about the address's own family", () => {
    expect(hint("EADDRNOTAVAIL", "[fd00::1]:7443")).toContain("ip -6 address");
    expect(hint("EADDRNOTAVAIL", "192.0.2.1:7443")).toContain("ip_local_port_range");
  });

  test("is a route to an address, not to a name, and over the interface that it names", () => {
    expect(hint("EHOSTUNREACH", "web-01:7443")).toEndWith("ip route get <its address>");
    expect(hint("EHOSTDOWN", "[fe80::1%eth0]:7443")).toEndWith("ip route get fe80::1 oif eth0");
  });

  test("is the interface that the address names", () => {
    expect(connectionProblem("connect", "ENODEV", "agent", "[fe80::1%eth7]:7443").message).toBe(
      "cannot call [fe80::1%eth7]:7443: this host has no interface named eth7",
    );
    expect(hint("ENOZONE", "[fe80::1]:7443")).toContain("Name it: fe80::1%eth0,");
    expect(hint("ENOTFOUND", "web-01:7443")).toBe("Check the name: getent hosts web-01");
  });

  test("is what it has run out of", () => {
    expect(hint("EMFILE", "web-01:7443")).toStartWith("On this host: wait until some are closed");
  });
});
