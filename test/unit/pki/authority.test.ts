import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { addDays } from "../../../src/core/time.ts";
import { createCaCertificate, issueCertificate, serialFrom } from "../../../src/pki/authority.ts";
import { isSignedBy, readCertificate } from "../../../src/pki/certificate.ts";
import { judgeCsr } from "../../../src/pki/csr.ts";
import { generateKeyPem, publicKeyBytes, readPrivateKey } from "../../../src/pki/keys.ts";
import { TestFolder } from "../../support/folder.ts";
import { type KEY_KINDS, makeKey, openssl } from "../../support/openssl.ts";

const NOW = new Date("2026-03-01T12:00:00.250Z");

function newSerial(): string {
  return serialFrom(crypto.getRandomValues(new Uint8Array(16)));
}

/** Seconds. */
const HOUR = 3_600;

/** A CA in the folder, `ca.key` and `ca.crt`. */
async function makeCa(folder: TestFolder, keyPem?: string): Promise<void> {
  const pem = keyPem ?? (await generateKeyPem("ec"));
  folder.write("ca.key", pem);
  const key = readPrivateKey(pem, "ca.key");
  folder.write(
    "ca.crt",
    await createCaCertificate({
      name: "ctrl-exec CA",
      key,
      now: NOW,
      backdate: HOUR,
      serial: newSerial(),
    }),
  );
}

interface Wanted {
  readonly commonName?: string;
  readonly publicKey?: Buffer;
  readonly days?: number;
  readonly now?: Date;
  readonly serial?: string;
}

/** Issues `host.crt` from the folder's CA. */
async function issue(folder: TestFolder, wanted: Wanted = {}): Promise<string> {
  const pem = await issueCertificate({
    commonName: "web-01",
    publicKey: publicKeyBytes(readPrivateKey(await generateKeyPem("ec"), "k")),
    days: 365,
    now: NOW,
    backdate: HOUR,
    serial: newSerial(),
    ...wanted,
    ca: readCertificate(readFileSync(folder.join("ca.crt"), "utf8"), "ca.crt"),
    caKey: readPrivateKey(readFileSync(folder.join("ca.key"), "utf8"), "ca.key"),
  });
  folder.write("host.crt", pem);
  return pem;
}

const text = (folder: TestFolder, file: string) =>
  openssl(folder, "x509", "-in", file, "-noout", "-text");

/** As a peer would, for one purpose, at a time. */
function verify(folder: TestFolder, purpose = "sslserver", at = NOW, ...more: string[]): string {
  const time = String(Math.floor(at.getTime() / 1000));
  return openssl(
    folder,
    "verify",
    "-attime",
    time,
    "-purpose",
    purpose,
    "-CAfile",
    "ca.crt",
    ...more,
    "host.crt",
  );
}

describe("serial numbers (RFC 5280 section 4.1.2.2)", () => {
  test.each([
    ["all zero", new Uint8Array(16).fill(0), "40000000000000000000000000000000"],
    ["all one", new Uint8Array(16).fill(255), "7fffffffffffffffffffffffffffffff"],
  ])("%s bits: positive, never zero, sixteen octets", (_, random, serial) => {
    expect(serialFrom(random)).toBe(serial);
  });
});

describe("the CA", () => {
  let folder: TestFolder;
  beforeAll(async () => {
    folder = new TestFolder();
    await makeCa(folder);
  });
  afterAll(() => folder[Symbol.dispose]());

  test("is a CA and nothing else", () => {
    const shown = text(folder, "ca.crt");
    expect(shown).toContain(
      "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0",
    );
    expect(shown).toContain(
      "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign",
    );
    expect(shown).toContain("X509v3 Subject Key Identifier");
    expect(shown).toContain("Subject: CN = ctrl-exec CA");
  });

  test("verifies itself, strictly, for ten years", () => {
    const at = (time: Date) =>
      openssl(
        folder,
        "verify",
        "-x509_strict",
        "-attime",
        String(Math.floor(time.getTime() / 1000)),
        "-CAfile",
        "ca.crt",
        "ca.crt",
      );
    expect(at(NOW)).toBe("ca.crt: OK\n");
    expect(at(addDays(NOW, 3649))).toBe("ca.crt: OK\n");
    expect(() => at(addDays(NOW, 3651))).toThrow("certificate has expired");
  });

  test("times from 2050 on are GeneralizedTime without fractions (RFC 5280 section 4.1.2.5)", async () => {
    using later = new TestFolder();
    const key = readPrivateKey(await generateKeyPem("ec"), "k");
    const now = new Date("2045-01-01T00:00:00.123Z");
    const options = { name: "x", key, now, backdate: HOUR, serial: newSerial() };
    later.write("ca.crt", await createCaCertificate(options));
    const shown = openssl(later, "asn1parse", "-in", "ca.crt");
    expect(shown).toMatch(/UTCTIME +:441231230000Z\n.*GENERALIZEDTIME +:20541230000000Z\n/);
  });
});

describe("a host's certificate", () => {
  let folder: TestFolder;
  beforeAll(async () => {
    folder = new TestFolder();
    await makeCa(folder);
  });
  afterAll(() => folder[Symbol.dispose]());

  test("verifies as server and as client, strictly", async () => {
    await issue(folder);
    expect(verify(folder, "sslserver", NOW, "-x509_strict")).toBe("host.crt: OK\n");
    expect(verify(folder, "sslclient", NOW, "-x509_strict")).toBe("host.crt: OK\n");
    expect(verify(folder, "sslserver", NOW, "-verify_hostname", "web-01")).toBe("host.crt: OK\n");
    expect(() => verify(folder, "sslserver", NOW, "-verify_hostname", "web-02")).toThrow(
      "mismatch",
    );
  });

  test("has its extensions and no other", async () => {
    await issue(folder, { commonName: "web-01.example.com" });
    const shown = text(folder, "host.crt");
    expect(shown).toContain("Version: 3");
    expect(shown).toContain("X509v3 Basic Constraints: critical\n                CA:FALSE\n");
    expect(shown).toContain("X509v3 Key Usage: critical\n                Digital Signature\n");
    expect(shown).toContain("TLS Web Server Authentication, TLS Web Client Authentication\n");
    expect(shown).toContain(
      "X509v3 Subject Alternative Name: \n                DNS:web-01.example.com\n",
    );
    expect(shown.match(/X509v3 (?!extensions)/g)).toHaveLength(6);
    expect(shown).toContain("Subject: CN = web-01.example.com\n");
    expect(shown).toContain("Issuer: CN = ctrl-exec CA\n");
  });

  test("carries the serial it was given", async () => {
    const serial = newSerial();
    const facts = readCertificate(await issue(folder, { serial }), "host.crt");
    expect(facts.serial).toBe(serial);
    expect(openssl(folder, "x509", "-in", "host.crt", "-noout", "-serial").toLowerCase()).toBe(
      `serial=${serial}\n`,
    );
  });

  test("is not a CA: what it signs does not verify", async () => {
    const pem = await generateKeyPem("ec");
    folder.write("host.key", pem);
    await issue(folder, { publicKey: publicKeyBytes(readPrivateKey(pem, "k")) });
    openssl(folder, "req", "-new", "-key", "host.key", "-subj", "/CN=evil", "-out", "evil.csr");
    openssl(
      folder,
      "x509",
      "-req",
      "-in",
      "evil.csr",
      "-CA",
      "host.crt",
      "-CAkey",
      "host.key",
      "-set_serial",
      "1",
      "-out",
      "evil.crt",
    );
    const check = () =>
      openssl(
        folder,
        "verify",
        "-attime",
        String((NOW.getTime() / 1000 + 60) | 0),
        "-CAfile",
        "ca.crt",
        "-untrusted",
        "host.crt",
        "evil.crt",
      );
    expect(check).toThrow("invalid CA certificate");
  });

  test("T08 is valid from an hour before, and not earlier", async () => {
    const facts = readCertificate(await issue(folder), "host.crt");
    expect(facts.notBefore).toEqual(new Date("2026-03-01T11:00:00Z"));
    expect(verify(folder, "sslclient", new Date("2026-03-01T11:55:00Z"))).toBe("host.crt: OK\n");
    expect(() => verify(folder, "sslclient", new Date("2026-03-01T10:59:00Z"))).toThrow(
      "not yet valid",
    );
  });

  test("ends after its days", async () => {
    const facts = readCertificate(await issue(folder, { days: 30 }), "host.crt");
    expect(facts.notAfter).toEqual(new Date("2026-03-31T12:00:00Z"));
    expect(() => verify(folder, "sslserver", new Date("2026-03-31T12:00:01Z"))).toThrow("expired");
  });

  test("never outlives the CA", async () => {
    const late = addDays(NOW, 3600);
    const facts = readCertificate(await issue(folder, { days: 365, now: late }), "host.crt");
    const ca = readCertificate(readFileSync(folder.join("ca.crt"), "utf8"), "ca.crt");
    expect(facts.notAfter).toEqual(ca.notAfter);
  });

  test("takes a name of 253 characters", async () => {
    const commonName = `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}`;
    await issue(folder, { commonName });
    expect(verify(folder, "sslserver", NOW, "-verify_hostname", commonName)).toBe("host.crt: OK\n");
  });

  test.each(["P-256", "P-384", "Ed25519", "RSA 2048"] satisfies (keyof typeof KEY_KINDS)[])(
    "of nothing but the key of a request: %s that asks for CA:TRUE and another name",
    async (kind) => {
      const key = makeKey(folder, kind);
      openssl(
        folder,
        "req",
        "-new",
        "-key",
        key,
        "-subj",
        "/CN=web-01",
        "-addext",
        "basicConstraints=critical,CA:TRUE",
        "-addext",
        "keyUsage=keyCertSign",
        "-addext",
        "subjectAltName=DNS:ctrl-exec,DNS:*.example.com,IP:10.0.0.1",
        "-addext",
        "extendedKeyUsage=codeSigning",
        "-out",
        "greedy.csr",
      );
      const request = readFileSync(folder.join("greedy.csr"), "utf8");
      const { publicKey } = judgeCsr(request, "web-01");
      const facts = readCertificate(await issue(folder, { publicKey }), "host.crt");
      expect(facts).toMatchObject({ isCa: false, commonName: "web-01", dnsNames: ["web-01"] });
      const shown = text(folder, "host.crt");
      for (const greed of [
        "CA:TRUE",
        "Certificate Sign",
        "example.com",
        "10.0.0.1",
        "Code Signing",
      ]) {
        expect(shown).not.toContain(greed);
      }
      expect(verify(folder, "sslclient", NOW, "-x509_strict")).toBe("host.crt: OK\n");
    },
  );
});

describe("a CA that is already there", () => {
  /** As 0.8 and administrators make them. @param config extra lines for the request's configuration */
  function existingCa(folder: TestFolder, kind: keyof typeof KEY_KINDS, ...config: string[]): void {
    const key = makeKey(folder, kind);
    folder.write("ca.key", readFileSync(folder.join(key), "utf8"));
    folder.write("ca.cnf", ["[req]", "distinguished_name=dn", "prompt=no", ...config].join("\n"));
    openssl(
      folder,
      "req",
      "-x509",
      "-days",
      "3650",
      "-key",
      "ca.key",
      "-config",
      "ca.cnf",
      "-out",
      "ca.crt",
    );
  }
  const subject = ["[dn]", "O=Old School", "CN=ctrl-exec CA"];
  const extensions = ["x509_extensions=e", ...subject, "[e]", "basicConstraints=critical,CA:TRUE"];

  test.each(["RSA 2048", "P-384"] satisfies (keyof typeof KEY_KINDS)[])(
    "signs with a key that is %s",
    async (kind) => {
      using folder = new TestFolder();
      existingCa(folder, kind, ...extensions);
      await issue(folder, { now: new Date() });
      expect(verify(folder, "sslserver", new Date())).toBe("host.crt: OK\n");
    },
  );

  test("keeps its name byte for byte, string types of another age included", async () => {
    using folder = new TestFolder();
    existingCa(folder, "RSA 2048", "string_mask=MASK:0x4", ...extensions);
    await issue(folder, { now: new Date() });
    expect(openssl(folder, "asn1parse", "-in", "host.crt")).toMatch(/T61STRING +:Old School/);
    expect(verify(folder, "sslclient", new Date())).toBe("host.crt: OK\n");
  });

  test("names its key its own way", async () => {
    using folder = new TestFolder();
    existingCa(folder, "P-256", ...extensions, "subjectKeyIdentifier=0011223344556677");
    await issue(folder, { now: new Date() });
    expect(text(folder, "host.crt")).toMatch(
      /Authority Key Identifier: \n +(keyid:)?00:11:22:33:44:55:66:77\n/,
    );
    expect(verify(folder, "sslserver", new Date())).toBe("host.crt: OK\n");
  });

  test("has no name for its key", async () => {
    using folder = new TestFolder();
    existingCa(folder, "P-256", ...extensions, "subjectKeyIdentifier=none");
    await issue(folder, { now: new Date() });
    expect(verify(folder, "sslserver", new Date())).toBe("host.crt: OK\n");
  });

  test("of a kind that cannot sign here is refused in words", async () => {
    using folder = new TestFolder();
    existingCa(folder, "Ed25519", ...extensions);
    await expect(issue(folder, { now: new Date() })).rejects.toMatchObject({
      code: "config",
      message: "Cannot sign: the key is neither RSA nor ECDSA P-256 or P-384",
    });
  });
});

test("another CA of the same name signs nothing for us", async () => {
  using folder = new TestFolder();
  using other = new TestFolder();
  await makeCa(folder);
  await makeCa(other);
  const facts = readCertificate(await issue(other), "host.crt");
  const ca = (from: TestFolder) =>
    readCertificate(readFileSync(from.join("ca.crt"), "utf8"), "ca.crt");
  expect(isSignedBy(facts, ca(other))).toBe(true);
  expect(isSignedBy(facts, ca(folder))).toBe(false);
});
