import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import {
  isSignedBy,
  parseFingerprint,
  readCertificate,
  speaksFor,
} from "../../../src/pki/certificate.ts";
import { publicKeyBytes, readPrivateKey } from "../../../src/pki/keys.ts";
import { TestFolder } from "../../support/folder.ts";
import { type KEY_KINDS, makeKey, openssl } from "../../support/openssl.ts";

let folder: TestFolder;
let key: string;
beforeAll(() => {
  folder = new TestFolder();
  key = makeKey(folder, "P-256");
});
afterAll(() => folder[Symbol.dispose]());

/** A self-signed certificate by openssl. @param lines of its configuration, from the extensions on */
function certificate(subject: readonly string[], ...lines: string[]) {
  const head = ["[req]", "distinguished_name=dn", "prompt=no", "utf8=yes"];
  if (lines.length > 0) head.push("x509_extensions=e");
  folder.write("c.cnf", [...head, "[dn]", ...subject, "[e]", ...lines].join("\n"));
  openssl(
    folder,
    "req",
    "-x509",
    "-key",
    key,
    "-config",
    "c.cnf",
    "-days",
    "30",
    "-set_serial",
    "0x0AFF",
    "-out",
    "c.crt",
  );
  return readCertificate(readFileSync(folder.join("c.crt"), "utf8"), "c.crt");
}

test("the facts are those that openssl sees", () => {
  const facts = certificate(
    ["CN=web-01"],
    "subjectAltName=DNS:web-01,DNS:www.example.com,IP:10.0.0.1",
  );
  const shown = openssl(
    folder,
    "x509",
    "-in",
    "c.crt",
    "-noout",
    "-dates",
    "-fingerprint",
    "-sha256",
  );
  const [, notBefore = "", notAfter = "", fingerprint = ""] =
    /notBefore=(.*)\nnotAfter=(.*)\n.*Fingerprint=(.*)\n/.exec(shown) ?? [];
  expect(facts).toMatchObject({
    serial: "0aff",
    commonName: "web-01",
    dnsNames: ["web-01", "www.example.com"],
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    fingerprint: `sha256:${fingerprint.replaceAll(":", "").toLowerCase()}`,
    isCa: false,
  });
  const pem = readFileSync(folder.join("c.crt"), "utf8");
  expect(facts.pem.trim()).toBe(pem.trim());
  const own = publicKeyBytes(readPrivateKey(readFileSync(folder.join(key), "utf8"), key));
  expect(facts.publicKey.equals(own)).toBe(true);
});

test("a certificate of 0.8: version 1, no extensions, a counted serial", () => {
  openssl(folder, "req", "-new", "-key", key, "-subj", "/CN=web-08", "-out", "v1.csr");
  openssl(
    folder,
    "x509",
    "-req",
    "-in",
    "v1.csr",
    "-signkey",
    key,
    "-set_serial",
    "3",
    "-out",
    "v1.crt",
  );
  expect(openssl(folder, "x509", "-in", "v1.crt", "-noout", "-text")).toContain("Version: 1");
  const facts = readCertificate(readFileSync(folder.join("v1.crt"), "utf8"), "v1.crt");
  expect(facts).toMatchObject({ serial: "03", commonName: "web-08", dnsNames: [], isCa: false });
  expect(speaksFor(facts, "web-08")).toBe(true);
});

describe("whom it speaks for", () => {
  test("the names of its extension, and then not its common name", () => {
    const facts = certificate(["CN=web-01"], "subjectAltName=DNS:WEB-02.example.com");
    expect(speaksFor(facts, "web-02.example.com")).toBe(true);
    expect(speaksFor(facts, "web-01")).toBe(false);
    expect(speaksFor(facts, "x.web-02.example.com")).toBe(false);
    expect(speaksFor(facts, "")).toBe(false);
  });

  test("T05 a wildcard is not a name of a host", () => {
    const facts = certificate(["CN=x"], "subjectAltName=DNS:*.example.com");
    expect(speaksFor(facts, "web-01.example.com")).toBe(false);
  });

  test("T05 a name inside a name is not a second one", () => {
    const facts = certificate(
      ["O=x\\nCN=web-02", "CN=web-01"],
      "subjectAltName=@a",
      "[a]",
      "DNS.1=web-03\\, DNS:web-02",
      "URI.1=http://x/\\, DNS:web-02",
      "email.1=copy",
    );
    expect(facts.commonName).toBe("web-01");
    expect(speaksFor(facts, "web-02")).toBe(false);
  });

  test("T05 a newline in the common name does not begin another", () => {
    const facts = certificate(["CN=web-09\\nCN=web-02"]);
    expect(speaksFor(facts, "web-02")).toBe(false);
  });

  test("nobody, when it has no name at all", () => {
    const facts = certificate(["O=nobody"]);
    expect(facts.commonName).toBe("");
    expect(speaksFor(facts, "nobody")).toBe(false);
  });

  test("nor when its subject is empty", () => {
    openssl(folder, "req", "-x509", "-key", key, "-subj", "/", "-days", "30", "-out", "empty.crt");
    const facts = readCertificate(readFileSync(folder.join("empty.crt"), "utf8"), "empty.crt");
    expect(facts.commonName).toBe("");
    expect(speaksFor(facts, "nobody")).toBe(false);
  });
});

describe("whether a CA signed it", () => {
  test("the same name with another key did not", () => {
    const ca = certificate(["CN=ca"], "basicConstraints=CA:TRUE");
    expect(ca.isCa).toBe(true);
    expect(isSignedBy(ca, ca)).toBe(true);
    using other = new TestFolder();
    const otherKey = makeKey(other, "P-256");
    openssl(other, "req", "-x509", "-key", otherKey, "-subj", "/CN=ca", "-out", "o.crt");
    const impostor = readCertificate(readFileSync(other.join("o.crt"), "utf8"), "o.crt");
    expect(impostor.x509.subject).toBe(ca.x509.subject);
    expect(isSignedBy(impostor, ca)).toBe(false);
  });

  test("the same key under another name did not", () => {
    const ca = certificate(["CN=ca"], "basicConstraints=CA:TRUE");
    const renamed = certificate(["CN=other ca"], "basicConstraints=CA:TRUE");
    expect(isSignedBy(renamed, ca)).toBe(false);
  });

  test("a CA with a key of another kind did not, and nothing throws", () => {
    const facts = certificate(["CN=ca"], "basicConstraints=CA:TRUE");
    using other = new TestFolder();
    const rsa = makeKey(other, "RSA 2048");
    openssl(other, "req", "-x509", "-key", rsa, "-subj", "/CN=ca", "-out", "o.crt");
    const ca = readCertificate(readFileSync(other.join("o.crt"), "utf8"), "o.crt");
    expect(isSignedBy(facts, ca)).toBe(false);
  });
});

describe("T09 what is not a usable certificate is an error that names the file", () => {
  test.each([
    ["nothing", ""],
    ["no PEM", "hello"],
    ["a cut file", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"],
    ["a cut file without an end", "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU"],
  ])("%s", (_, pem) => {
    expect(() => readCertificate(pem, "/etc/x/agent.crt")).toThrow(
      "Cannot read /etc/x/agent.crt: not a certificate",
    );
  });

  test("a key", () => {
    const pem = readFileSync(folder.join(key), "utf8");
    expect(() => readCertificate(pem, "/etc/x/agent.crt")).toThrow("not a certificate");
  });

  test.each(["secp256k1", "Ed448"] satisfies (keyof typeof KEY_KINDS)[])(
    "a certificate with a key that is not known here: %s",
    (kind) => {
      using other = new TestFolder();
      openssl(
        other,
        "req",
        "-x509",
        "-key",
        makeKey(other, kind),
        "-subj",
        "/CN=x",
        "-out",
        "o.crt",
      );
      expect(() =>
        readCertificate(readFileSync(other.join("o.crt"), "utf8"), "/etc/x/ca.crt"),
      ).toThrow("Cannot use /etc/x/ca.crt: its key is of an unknown kind");
    },
  );
});

describe("a fingerprint as an operator types it", () => {
  const hex = "0123456789abcdef".repeat(4);
  const colons = (hex.match(/../g) ?? []).join(":");
  test.each([
    `sha256:${hex}`,
    `SHA256:${hex.toUpperCase()}`,
    `sha256:${colons}`,
    ` sha256:${colons.toUpperCase()}\n`,
    // As the pairing screens show it.
    `sha256: ${(hex.match(/..../g) ?? []).join(" ").replace(/(.{39}) /, "$1\n        ")}`,
  ])("%s", (text) => {
    expect(parseFingerprint(text)).toBe(`sha256:${hex}`);
  });
  test.each([
    "",
    hex,
    `sha1:${hex}`,
    `sha256:${hex.slice(1)}`,
    `sha256:${hex}0`,
    `sha256:${hex.slice(1)}g`,
    `sha256 ${hex}`,
    `sha256:${hex} ${hex}`,
  ])("not %j", (text) => {
    expect(parseFingerprint(text)).toBeUndefined();
  });
});
