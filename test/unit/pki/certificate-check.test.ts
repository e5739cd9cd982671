import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { serialFromHex } from "../../../src/core/serial.ts";
import { checkCertificate } from "../../../src/pki/certificate-check.ts";
import { Authority } from "../../support/authority.ts";

test("T02 dates and revocation are looked at whatever the TLS library has verified", async () => {
  const { cert } = await (await Authority.create()).issue("web-01", { days: 1 });
  const peer = new X509Certificate(cert);
  const serial = serialFromHex(peer.serialNumber);
  const now = new Date();
  const at = (hours: number) => new Date(now.getTime() + hours * 3_600_000);
  expect(checkCertificate(peer, new Set(), now)).toEqual({ kind: "good", serial });
  expect(checkCertificate(peer, new Set(["1", serial]), now)).toEqual({ kind: "revoked", serial });
  expect(checkCertificate(peer, new Set(), at(25))).toEqual({
    kind: "failed",
    reason: "CERT_HAS_EXPIRED",
  });
  expect(checkCertificate(peer, new Set(), at(-2))).toEqual({
    kind: "failed",
    reason: "CERT_NOT_YET_VALID",
  });
});
