import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createCsr, judgeCsr } from "../../../src/pki/csr.ts";
import { generateKeyPem, publicKeyBytes, readPrivateKey } from "../../../src/pki/keys.ts";
import { requestIn, writePem } from "../../../src/pki/pem.ts";
import { TestFolder } from "../../support/folder.ts";
import { type KEY_KINDS, makeKey, openssl } from "../../support/openssl.ts";

/** A request by openssl, PEM. */
function requestBy(folder: TestFolder, key: string, subject: string, ...extra: string[]): string {
  openssl(folder, "req", "-new", "-key", key, "-subj", subject, ...extra, "-out", "r.csr");
  return readFileSync(folder.join("r.csr"), "utf8");
}

function refusal(pem: string, hostname = "web-01"): string {
  try {
    judgeCsr(pem, hostname);
  } catch (error) {
    expect(error).toMatchObject({ name: "CtrlExecError", code: "bad-request" });
    const { message } = error as Error;
    expect(message).toStartWith("Cannot accept the certificate request: ");
    return message;
  }
  throw new Error("it was taken");
}

describe("our own request", () => {
  test.each(["ec", "rsa4096"] as const)(
    "%s: openssl verifies it and sees one name",
    async (type) => {
      using folder = new TestFolder();
      const key = readPrivateKey(await generateKeyPem(type), "k");
      const pem = await createCsr("web-01.example.com", key);
      expect(pem).toEndWith("-----END CERTIFICATE REQUEST-----\n");
      folder.write("own.csr", pem);
      expect(
        openssl(
          folder,
          "req",
          "-in",
          "own.csr",
          "-verify",
          "-noout",
          "-subject",
          "-nameopt",
          "RFC2253",
        ),
      ).toBe("subject=CN=web-01.example.com\n");
      const judged = judgeCsr(pem, "web-01.example.com");
      expect(judged.publicKey.equals(publicKeyBytes(key))).toBe(true);
      expect(judged.keyDescription).toBe(type === "ec" ? "EC P-256" : "RSA 4096");
    },
  );
});

describe("kinds of keys", () => {
  test.each([
    ["P-256", "EC P-256"],
    ["P-384", "EC P-384"],
    ["Ed25519", "Ed25519"],
    ["RSA 2048", "RSA 2048"],
  ] satisfies [keyof typeof KEY_KINDS, string][])("%s is accepted", async (kind, shown) => {
    using folder = new TestFolder();
    const key = makeKey(folder, kind);
    const judged = judgeCsr(requestBy(folder, key, "/CN=web-01"), "web-01");
    expect(judged.keyDescription).toBe(shown);
    openssl(folder, "pkey", "-in", key, "-pubout", "-outform", "DER", "-out", "pub.der");
    expect(judged.publicKey.equals(readFileSync(folder.join("pub.der")))).toBe(true);
  });

  test.each([
    "RSA 1024",
    "RSA-PSS 2048",
    "P-521",
    "secp256k1",
    "Ed448",
  ] satisfies (keyof typeof KEY_KINDS)[])("%s is refused", async (kind) => {
    using folder = new TestFolder();
    const pem = requestBy(folder, makeKey(folder, kind), "/CN=web-01");
    expect(refusal(pem)).toContain("its key is not RSA of 2048 to 8192 bits");
  });
});

describe("one key, many requests", () => {
  let folder: TestFolder;
  let key: string;
  beforeAll(() => {
    folder = new TestFolder();
    key = makeKey(folder, "P-256");
  });
  afterAll(() => folder[Symbol.dispose]());

  test.each([
    ["another host", "/CN=web-02", "another host"],
    ["a space behind the name", "/CN=web-01 ", "another host"],
    ["no subject", "/", "not a single common name"],
    ["two names", "/CN=web-01/CN=web-02", "not a single common name"],
    ["two names in one set", "/CN=web-01+CN=web-02", "not a single common name"],
    ["an organisation", "/O=Root/CN=web-01", "not a single common name"],
    ["an organisation in one set", "/CN=web-01+O=Root", "not a single common name"],
    ["an address", "/CN=web-01/emailAddress=root@example.com", "not a single common name"],
    ["another attribute alone", "/O=web-01", "not a single common name"],
  ])("the subject is %s: refused", async (_, subject, why) => {
    const pem = requestBy(folder, key, subject, "-multivalue-rdn");
    expect(refusal(pem)).toContain(why);
  });

  test("names compare without case", async () => {
    const pem = requestBy(folder, key, "/CN=WEB-01");
    expect(judgeCsr(pem, "web-01").keyDescription).toBe("EC P-256");
  });

  test("a signature that does not match the key is refused", async () => {
    const pem = requestBy(folder, key, "/CN=web-01");
    const der = Buffer.from(pem.replace(/-----.*-----/g, ""), "base64");
    const tampered = (position: number) => {
      const bytes = Buffer.from(der);
      bytes[position] = (bytes[position] ?? 0) ^ 1;
      return writePem({ label: "CERTIFICATE REQUEST", der: bytes });
    };
    // A bit of the signature's last octet, and a letter of the signed name.
    expect(refusal(tampered(der.length - 1))).toContain("does not match its key");
    const name = der.indexOf("web-01");
    expect(refusal(tampered(name), "veb-01")).toContain("does not match its key");
  });

  test("somebody else's request under a key of one's own is refused", async () => {
    const theirs = requestBy(folder, key, "/CN=web-01");
    using other = new TestFolder();
    const mine = requestBy(other, makeKey(other, "P-256"), "/CN=web-01");
    const der = (pem: string) => Buffer.from(pem.replace(/-----.*-----/g, ""), "base64");
    const point = (bytes: Buffer) => bytes.indexOf(Buffer.from("03420004", "hex")) + 4;
    const swapped = der(theirs);
    der(mine).copy(swapped, point(swapped), point(der(mine)), point(der(mine)) + 64);
    const pem = writePem({ label: "CERTIFICATE REQUEST", der: swapped });
    expect(refusal(pem)).toContain("does not match its key");
  });

  test.each([
    ["nothing", () => ""],
    ["no PEM", () => "hello"],
    ["two requests", (pem: string) => pem + pem],
    ["half a request", (pem: string) => pem.replace(/(\n[\w+/=]+){2}\n-----END/, "\n-----END")],
    ["a request that is not base64", (pem: string) => pem.replace(/\n[\w+/=]+\n/, "\n!!!!\n")],
    ["empty PEM", (pem: string) => pem.replace(/-----\n[\s\S]+\n-----E/, "-----\n-----E")],
  ])("%s is refused", async (_, change) => {
    refusal(change(requestBy(folder, key, "/CN=web-01")));
  });

  test("a certificate is not a request", async () => {
    openssl(folder, "req", "-x509", "-key", key, "-subj", "/CN=web-01", "-out", "c.crt");
    expect(refusal(readFileSync(folder.join("c.crt"), "utf8"))).toContain(
      "it is not a certificate request",
    );
  });

  test("T61 whichever bit of a request is turned, it is refused", () => {
    const pem = requestBy(folder, key, "/CN=web-01", "-addext", "subjectAltName=DNS:web-02");
    const der = requestIn(pem);
    expect(judgeCsr(pem, "web-01").keyDescription).toBe("EC P-256");
    for (let bit = 0; bit < der.length * 8; bit += 1) {
      const bytes = Buffer.from(der);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      refusal(writePem({ label: "CERTIFICATE REQUEST", der: bytes }));
    }
  });

  test.each([
    ["something behind its attributes", "a000", "a0000500"],
    ["another version", "020100", "020101"],
    ["attributes that are not valid", "a000", "a100"],
  ])("T61 %s: refused before its signature is looked at", (_, old, other) => {
    const digits = requestIn(requestBy(folder, key, "/CN=web-01")).toString("hex");
    const at = digits.lastIndexOf(old, digits.indexOf("06082a8648ce3d040302"));
    const longer = (other.length - old.length) / 2;
    const changed = Buffer.from(digits.slice(0, at) + other + digits.slice(at + old.length), "hex");
    // The two lengths around it: 3081xx3081xx.
    changed[2] = (changed[2] ?? 0) + longer;
    changed[5] = (changed[5] ?? 0) + longer;
    const pem = writePem({ label: "CERTIFICATE REQUEST", der: changed });
    expect(refusal(pem)).toContain("it is not a PKCS#10 request");
  });
});
