import { beforeAll, expect, test } from "bun:test";
import { offerProblem } from "../../../../src/agent/trust/announced-certificate.ts";
import { addDays } from "../../../../src/core/time.ts";
import { Authority, type HostCredential } from "../../../support/authority.ts";

const now = new Date();
let authority: Authority;
let next: HostCredential;

beforeAll(async () => {
  authority = await Authority.create();
  next = await authority.issue("ctrl-exec");
});

/** @param args default: the certificate's own serial */
function problemOf({ cert, serial }: HostCredential, args = [serial]): string | undefined {
  return offerProblem({ cert, args }, authority.ca, now);
}

test("T63 the control host's new certificate fits its serial, however that is spelled", () => {
  expect(problemOf(next)).toBeUndefined();
  expect(problemOf(next, [`0${next.serial.toUpperCase()}`])).toBeUndefined();
});

test("T63 whatever else comes with a serial is refused in words", async () => {
  const agents = await authority.issue("db-01");
  const foreign = await (await Authority.create()).issue("ctrl-exec");
  const ca = { ...next, cert: authority.ca.pem, serial: authority.ca.serial };
  expect(problemOf(agents)).toBe("the new certificate is that of db-01, not the control host's");
  expect(problemOf(foreign)).toBe("this agent's CA did not sign the new certificate");
  expect(problemOf(ca)).toBe("the new certificate is a CA's");
  for (const args of [[agents.serial], [], [""], [next.serial, next.serial]]) {
    expect(problemOf(next, args)).toBe("the serial is not that of the new certificate");
  }
  for (const cert of ["", "b2", next.cert.slice(0, -60)]) {
    expect(problemOf({ ...next, cert })).toEndWith("is not a certificate");
  }
});

test("T68 one that is not valid by this agent's clock is refused, and the clocks are named", async () => {
  const late = await authority.issue("ctrl-exec", { now: addDays(now, -60), days: 30 });
  const early = await authority.issue("ctrl-exec", { now: addDays(now, 280) });
  expect(problemOf(late)).toMatch(
    /has expired: .* clock is behind, or this host's is ahead; check/,
  );
  expect(problemOf(early)).toMatch(
    /not valid yet: .* clock is ahead, or this host's is behind; check/,
  );
});
