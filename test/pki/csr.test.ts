import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createCsr, judgeCsr } from "../../src/pki/csr.ts";
import { generateKeyPem, publicKeyBytes, readPrivateKey } from "../../src/pki/keys.ts";
import { TestFolder } from "../support/folder.ts";
import { type KEY_KINDS, makeKey, openssl } from "../support/openssl.ts";

/** A request by openssl, PEM. */
function requestBy(folder: TestFolder, key: string, subject: string, ...extra: string[]): string {
  openssl(folder, "req", "-new", "-key", key, "-subj", subject, ...extra, "-out", "r.csr");
  return readFileSync(folder.join("r.csr"), "utf8");
}

async function refusal(pem: string, hostname = "web-01"): Promise<string> {
  const error: unknown = await judgeCsr(pem, hostname).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: "CtrlExecError", code: "bad-request" });
  const { message } = error as Error;
  expect(message).toStartWith("Cannot accept the certificate request: ");
  return message;
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
      const judged = await judgeCsr(pem, "web-01.example.com");
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
    const judged = await judgeCsr(requestBy(folder, key, "/CN=web-01"), "web-01");
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
    expect(await refusal(pem)).toContain("its key is not RSA of 2048 to 8192 bits");
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
    expect(await refusal(pem)).toContain(why);
  });

  test("names compare without case", async () => {
    const pem = requestBy(folder, key, "/CN=WEB-01");
    expect((await judgeCsr(pem, "web-01")).keyDescription).toBe("EC P-256");
  });

  test("a signature that does not fit the key is refused", async () => {
    const pem = requestBy(folder, key, "/CN=web-01");
    const der = Buffer.from(pem.replace(/-----.*-----/g, ""), "base64");
    const tampered = (position: number) => {
      const bytes = Buffer.from(der);
      bytes[position] = (bytes[position] ?? 0) ^ 1;
      return `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
    };
    // A bit of the signature's last octet, and a letter of the signed name.
    expect(await refusal(tampered(der.length - 1))).toContain("does not fit its key");
    const name = der.indexOf("web-01");
    expect(await refusal(tampered(name), "veb-01")).toContain("does not fit its key");
  });

  test("somebody else's request under a key of one's own is refused", async () => {
    const theirs = requestBy(folder, key, "/CN=web-01");
    using other = new TestFolder();
    const mine = requestBy(other, makeKey(other, "P-256"), "/CN=web-01");
    const der = (pem: string) => Buffer.from(pem.replace(/-----.*-----/g, ""), "base64");
    const point = (bytes: Buffer) => bytes.indexOf(Buffer.from("03420004", "hex")) + 4;
    const swapped = der(theirs);
    der(mine).copy(swapped, point(swapped), point(der(mine)), point(der(mine)) + 64);
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${swapped.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
    expect(await refusal(pem)).toContain("does not fit its key");
  });

  test.each([
    ["nothing", () => ""],
    ["no PEM", () => "hello"],
    ["two requests", (pem: string) => pem + pem],
    ["half a request", (pem: string) => pem.replace(/(\n[\w+/=]+){2}\n-----END/, "\n-----END")],
    ["a request that is no base64", (pem: string) => pem.replace(/\n[\w+/=]+\n/, "\n!!!!\n")],
    ["empty PEM", (pem: string) => pem.replace(/-----\n[\s\S]+\n-----E/, "-----\n-----E")],
  ])("%s is refused", async (_, change) => {
    await refusal(change(requestBy(folder, key, "/CN=web-01")));
  });

  test("a certificate is no request", async () => {
    openssl(folder, "req", "-x509", "-key", key, "-subj", "/CN=web-01", "-out", "c.crt");
    expect(await refusal(readFileSync(folder.join("c.crt"), "utf8"))).toContain("not a PKCS#10");
  });
});
