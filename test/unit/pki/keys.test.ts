import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { generateKeyPem, publicKeyBytes, readPrivateKey } from "../../../src/pki/keys.ts";
import { TestFolder } from "../../support/folder.ts";
import { makeKey, openssl } from "../../support/openssl.ts";

describe("a new key", () => {
  test.each([
    ["ec", "NIST CURVE: P-256"],
    ["rsa4096", "Private-Key: (4096 bit"],
  ] as const)(
    "%s is one that openssl reads and finds sound, and the event loop turns meanwhile",
    async (type, shown) => {
      using folder = new TestFolder();
      const made = generateKeyPem(type);
      // RSA-4096 takes seconds, in which the API and pairing-mode go on answering.
      const turned = new Promise((resolve) => setImmediate(resolve, "turned"));
      const first = await Promise.race([made, turned]);
      if (type === "rsa4096") expect(first).toBe("turned");
      folder.write("k.pem", await made);
      expect(openssl(folder, "pkey", "-in", "k.pem", "-noout", "-text", "-check")).toContain(shown);
    },
  );

  test("no two are the same", async () => {
    expect(await generateKeyPem("ec")).not.toBe(await generateKeyPem("ec"));
  });
});

test("the public half is what openssl says it is", async () => {
  using folder = new TestFolder();
  const pem = await generateKeyPem("ec");
  folder.write("k.pem", pem);
  openssl(folder, "pkey", "-in", "k.pem", "-pubout", "-outform", "DER", "-out", "pub.der");
  const key = readPrivateKey(pem, "k.pem");
  expect(publicKeyBytes(key).equals(readFileSync(folder.join("pub.der")))).toBe(true);
});

test("keys in the forms that 0.8 wrote: PKCS#1 and SEC 1", () => {
  using folder = new TestFolder();
  for (const kind of ["RSA 2048", "P-256"] as const) {
    const name = makeKey(folder, kind);
    const modern = readFileSync(folder.join(name), "utf8");
    openssl(folder, "pkey", "-in", name, "-traditional", "-out", "old.pem");
    const old = readFileSync(folder.join("old.pem"), "utf8");
    expect(old).toMatch(/BEGIN (RSA|EC) PRIVATE KEY/);
    const bytes = publicKeyBytes(readPrivateKey(old, "old.pem"));
    expect(bytes.equals(publicKeyBytes(readPrivateKey(modern, name)))).toBe(true);
  }
});

test.each([
  ["nothing", ""],
  ["no PEM", "not a key"],
  ["a cut key", "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n"],
])("T09 %s: an error that names the file", (_, pem) => {
  expect(() => readPrivateKey(pem, "/etc/x/agent.key")).toThrow(
    "Cannot read /etc/x/agent.key: not a PEM private key",
  );
});

test("T09 the error of a broken key holds nothing of it", () => {
  const secret = "TOPSECRETKEYMATERIAL";
  try {
    readPrivateKey(`-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`, "f");
    expect.unreachable();
  } catch (thrown) {
    expect(Bun.inspect(thrown)).not.toContain(secret);
  }
});
