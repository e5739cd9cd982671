/**
 * Keys, requests and certificates of every kind, through the WebCrypto that pki stands on; openssl is the
 * judge. How each key is described and refused: csr.test.ts, authority.test.ts.
 */
import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import type { KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { createCaCertificate, issueCertificate } from "../../../src/pki/authority.ts";
import { readCertificate } from "../../../src/pki/certificate.ts";
import { createCsr, judgeCsr } from "../../../src/pki/csr.ts";
import { generateKeyPem, publicKeyBytes, readPrivateKey } from "../../../src/pki/keys.ts";
import { requestIn, writePem } from "../../../src/pki/pem.ts";
import { signingPair } from "../../../src/pki/signing.ts";
import { webCrypto, x509 } from "../../../src/pki/x509-library.ts";
import { TestFolder } from "../../support/folder.ts";
import { type KEY_KINDS, makeKey, openssl } from "../../support/openssl.ts";

type Kind = keyof typeof KEY_KINDS;

const NOW = new Date();
const SERIAL = "40000000000000000000000000000001";

/** Every kind that a certificate may have, and what a CA may have of these. */
const KINDS = ["RSA 2048", "RSA 4096", "P-256", "P-384", "Ed25519"] as const satisfies Kind[];
const CA_KINDS = ["RSA 2048", "RSA 4096", "P-256", "P-384"] as const satisfies Kind[];

/** Holds a PKCS#8 key of openssl's making for each kind. */
let folder: TestFolder;
beforeAll(() => {
  folder = new TestFolder();
  for (const kind of KINDS) makeKey(folder, kind);
});
afterAll(() => folder[Symbol.dispose]());

function keyByOpenssl(kind: Kind): KeyObject {
  const name = `${kind.replaceAll(" ", "-")}.key`;
  const pem = readFileSync(folder.join(name), "utf8");
  expect(pem).toStartWith("-----BEGIN PRIVATE KEY-----\n");
  return readPrivateKey(pem, name);
}

async function makeCa(key: KeyObject) {
  const options = { name: "ctrl-exec CA", key, now: NOW, backdate: 3600, serial: SERIAL };
  return readCertificate(await createCaCertificate(options), "ca.crt");
}

/** What WebCrypto calls each kind, and what openssl says of such a key. */
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: new Uint8Array([1, 0, 1]),
};
test.each([
  ["RSA 2048", { ...RSA, modulusLength: 2048 }, "Private-Key: (2048 bit"],
  ["P-256", { name: "ECDSA", namedCurve: "P-256" }, "NIST CURVE: P-256"],
  ["P-384", { name: "ECDSA", namedCurve: "P-384" }, "NIST CURVE: P-384"],
  ["Ed25519", { name: "Ed25519" }, "ED25519 Private-Key"],
] as const)("%s: a key that is made is one that openssl finds sound", async (_, kind, shown) => {
  const algorithm: Parameters<typeof webCrypto.subtle.generateKey>[0] = kind;
  const made = await webCrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  if (!("privateKey" in made)) throw new Error("no pair");
  const der = Buffer.from(await webCrypto.subtle.exportKey("pkcs8", made.privateKey));
  const pem = writePem({ label: "PRIVATE KEY", der });
  folder.write("made.key", pem);
  expect(openssl(folder, "pkey", "-in", "made.key", "-noout", "-text", "-check")).toContain(shown);
  const spki = Buffer.from(await webCrypto.subtle.exportKey("spki", made.publicKey));
  expect(publicKeyBytes(readPrivateKey(pem, "made.key"))).toEqual(spki);
});

describe.each(KINDS)("%s", (kind) => {
  test("openssl's key signs a request that openssl, the library and our own judge verify", async () => {
    const key = keyByOpenssl(kind);
    const pem = await createCsr("web-01", key);
    folder.write("r.csr", pem);
    const shown = openssl(folder, "req", "-in", "r.csr", "-verify", "-noout", "-subject");
    expect(shown).toBe("subject=CN = web-01\n");
    expect(judgeCsr(pem, "web-01").publicKey).toEqual(publicKeyBytes(key));
    const request = new x509.Pkcs10CertificateRequest(new Uint8Array(requestIn(pem)));
    expect(await request.verify()).toBe(true);
  });

  test("openssl's key signs a certificate that openssl verifies", async () => {
    const { keys, algorithm } = await signingPair(keyByOpenssl(kind));
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: SERIAL,
      name: [{ CN: ["web-01"] }],
      keys,
      signingAlgorithm: algorithm,
    });
    folder.write("own.crt", certificate.toString("pem"));
    const shown = openssl(folder, "verify", "-check_ss_sig", "-CAfile", "own.crt", "own.crt");
    expect(shown).toBe("own.crt: OK\n");
  });

  test.each(CA_KINDS)("is certified by a CA with a key of %s", async (caKind) => {
    const caKey = keyByOpenssl(caKind);
    const ca = await makeCa(caKey);
    const { publicKey } = judgeCsr(await createCsr("web-01", keyByOpenssl(kind)), "web-01");
    const pem = await issueCertificate({
      commonName: "web-01",
      publicKey,
      ca,
      caKey,
      days: 30,
      now: NOW,
      backdate: 3600,
      serial: SERIAL,
    });
    folder.write("ca.crt", ca.pem);
    folder.write("host.crt", pem);
    const shown = openssl(folder, "verify", "-x509_strict", "-CAfile", "ca.crt", "host.crt");
    expect(shown).toBe("host.crt: OK\n");
    expect(readCertificate(pem, "host.crt").publicKey).toEqual(publicKey);
  });

  test("the private half that signs shows nothing of the key and cannot be exported", async () => {
    const key = keyByOpenssl(kind);
    const { keys } = await signingPair(key);
    const { d = "" } = key.export({ format: "jwk" });
    expect(d.length).toBeGreaterThan(40);
    const secret = Buffer.from(d, "base64url");
    const shown = Bun.inspect(keys, { depth: 20 }) + JSON.stringify(keys);
    for (const encoding of ["base64", "base64url", "hex"] as const) {
      expect(shown).not.toContain(secret.toString(encoding).slice(0, 40));
    }
    expect(shown).not.toContain([...secret.subarray(0, 8)].join(","));
    for (const format of ["pkcs8", "jwk"] as const) {
      await expect(
        Promise.resolve(webCrypto.subtle.exportKey(format, keys.privateKey)),
      ).rejects.toThrow();
    }
  });
});

test.each(["P-521", "secp256k1", "Ed448", "RSA-PSS 2048"] satisfies Kind[])(
  "%s signs nothing, and is refused in words",
  async (kind) => {
    const name = makeKey(folder, kind);
    const sign = async () =>
      await createCsr("web-01", readPrivateKey(readFileSync(folder.join(name), "utf8"), name));
    await expect(sign()).rejects.toMatchObject({ code: "config" });
  },
);

/** How many octets the numbers of an ECDSA signature need: SEQUENCE { r INTEGER, s INTEGER }, in DER. */
function octetsOfNumbers(signature: ArrayBuffer): number[] {
  const der = new Uint8Array(signature);
  const first = der.subarray(4, 4 + (der[3] ?? 0));
  const second = der.subarray(6 + first.length);
  return [first, second].map((number) => (number[0] === 0 ? number.length - 1 : number.length));
}

test.each([
  ["P-256", 32],
  ["P-384", 48],
] as const)(
  "%s: a signature whose numbers are short is written right as well",
  async (kind, octets) => {
    const { keys, algorithm } = await signingPair(keyByOpenssl(kind));
    // One in 128 has a number that begins with a zero octet.
    for (let shortest: number = octets; shortest === octets; ) {
      const request = await x509.Pkcs10CertificateRequestGenerator.create({
        name: [{ CN: ["web-01"] }],
        keys,
        signingAlgorithm: algorithm,
      });
      judgeCsr(`${request.toString("pem")}\n`, "web-01");
      shortest = Math.min(...octetsOfNumbers(request.signature));
    }
  },
  60_000,
);

/** Spies on what a WebCrypto does; the calls go through. */
function spies(crypto: Pick<Crypto, "subtle">) {
  const methods = ["importKey", "exportKey", "generateKey", "sign", "verify", "digest"] as const;
  const all = new DisposableStack();
  const seen = methods.map((method) => all.use(spyOn(crypto.subtle, method)));
  return {
    calls: () => seen.flatMap(({ mock }) => mock.calls),
    [Symbol.dispose]: () => all.dispose(),
  };
}

test("the runtime's own WebCrypto takes no part in keys, requests and certificates", async () => {
  using runtime = spies(crypto);
  using own = spies(webCrypto);
  const caKey = readPrivateKey(await generateKeyPem("ec"), "ca.key");
  const ca = await makeCa(caKey);
  const csr = await createCsr("web-01", readPrivateKey(await generateKeyPem("ec"), "k"));
  const { publicKey } = judgeCsr(csr, "web-01");
  const options = { commonName: "web-01", publicKey, ca, caKey, days: 1, now: NOW };
  await issueCertificate({ ...options, backdate: 0, serial: SERIAL });
  expect(runtime.calls()).toEqual([]);
  expect(own.calls().length).toBeGreaterThan(8);
});

test.each(KINDS)("T61 a stranger's key of %s is never imported", async (kind) => {
  const caKey = keyByOpenssl("P-256");
  const ca = await makeCa(caKey);
  const key = folder.join(`${kind.replaceAll(" ", "-")}.key`);
  openssl(folder, "req", "-new", "-key", key, "-subj", "/CN=web-01", "-out", "r.csr");
  using imported = spyOn(webCrypto.subtle, "importKey");
  const { publicKey } = judgeCsr(readFileSync(folder.join("r.csr"), "utf8"), "web-01");
  const options = { commonName: "web-01", publicKey, ca, caKey, days: 1, now: NOW };
  await issueCertificate({ ...options, backdate: 0, serial: SERIAL });
  expect(imported.mock.calls.map(([format]) => format)).toEqual(["pkcs8", "spki"]);
  const [, [, spki]] = imported.mock.calls as unknown as [unknown, [string, Uint8Array]];
  expect(Buffer.from(spki).equals(publicKeyBytes(caKey))).toBe(true);
});
