import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { derValues, soleDer } from "../../../src/pki/der.ts";
import { certificatesIn, privateKeyIn, requestIn, writePem } from "../../../src/pki/pem.ts";
import { TestFolder } from "../../support/folder.ts";
import { HEADERS_WITHOUT_END } from "../../support/hostile-pem.ts";
import { makeKey, openssl } from "../../support/openssl.ts";

let folder: TestFolder;
let request: string;
let certificate: string;
let certificateDer: Buffer;
beforeAll(() => {
  folder = new TestFolder();
  const key = makeKey(folder, "P-256");
  const subject = ["-key", key, "-subj", "/CN=web-01"];
  openssl(folder, "req", "-new", ...subject, "-out", "r.csr");
  openssl(folder, "req", "-x509", ...subject, "-out", "c.crt");
  request = readFileSync(folder.join("r.csr"), "utf8");
  certificate = readFileSync(folder.join("c.crt"), "utf8");
  openssl(folder, "x509", "-in", "c.crt", "-outform", "DER", "-out", "c.der");
  certificateDer = readFileSync(folder.join("c.der"));
});
afterAll(() => folder[Symbol.dispose]());

/** What is thrown. */
function refusal(read: () => unknown): string {
  try {
    read();
  } catch (thrown) {
    expect(thrown).toMatchObject({ name: "CtrlExecError", code: "protocol" });
    return (thrown as Error).message;
  }
  throw new Error("it was taken");
}

/** The base64 of a text in one line. */
function unwrapped(pem: string): string {
  const [begin = "", ...lines] = pem.trimEnd().split("\n");
  const end = lines.pop();
  return `${begin}\n${lines.join("")}\n${end}\n`;
}

describe("what operators' files hold is read as before", () => {
  test.each([
    ["as openssl writes it", () => certificate],
    ["with CRLF", () => certificate.replaceAll("\n", "\r\n")],
    ["with blanks at the ends of lines", () => certificate.replaceAll("\n", " \t\n")],
    ["without a newline at the end", () => certificate.trimEnd()],
    ["after what openssl -text says", () => openssl(folder, "x509", "-in", "c.crt", "-text")],
    ["before other words", () => `${certificate}# ours\n`],
    ["after an empty line", () => certificate.replace("-----\n", "-----\n\n")],
    ["in one line", () => unwrapped(certificate)],
    ["under the older label", () => certificate.replaceAll("CERTIFICATE", "X509 CERTIFICATE")],
    ["beside its key", () => readFileSync(folder.join("P-256.key"), "utf8") + certificate],
  ])("a certificate %s", (_, text) => {
    expect(certificatesIn(text())).toEqual([certificateDer]);
  });

  test("a chain, in its order", () => {
    openssl(folder, "req", "-x509", "-key", "P-256.key", "-subj", "/CN=ca", "-out", "ca.crt");
    const ca = readFileSync(folder.join("ca.crt"), "utf8");
    const [first, second] = certificatesIn(`${certificate}\nthe CA:\n${ca}`);
    expect(first).toEqual(certificateDer);
    expect(second).toEqual(certificatesIn(ca)[0]);
  });

  test("a key after its parameters, as openssl ecparam writes it", () => {
    const text = openssl(folder, "ecparam", "-genkey", "-name", "prime256v1");
    expect(text).toContain("BEGIN EC PARAMETERS");
    const { label, der } = privateKeyIn(text);
    expect(label).toBe("EC PRIVATE KEY");
    expect(text).toEndWith(writePem({ label, der }));
  });

  test("what is written is what openssl writes", () => {
    expect(writePem({ label: "CERTIFICATE", der: certificateDer })).toBe(certificate);
  });
});

describe("T61 a certificate or key that is not exactly one is refused in words", () => {
  const labelled = (bytes: Buffer) => writePem({ label: "CERTIFICATE", der: bytes });
  test.each([
    ["nothing", () => "", "it has no certificate"],
    ["no PEM", () => "hello", "it has no certificate"],
    ["a request", () => request, "it has no certificate"],
    ["a cut file", () => certificate.slice(0, 200), "its CERTIFICATE has no end"],
    ["two beginnings", () => `-----BEGIN CERTIFICATE-----\n${certificate}`, "base64 is broken"],
    ["other characters", () => certificate.replace(/\n(.{10})./, "\n$1!"), "base64 is broken"],
    ["base64 of URLs", () => labelled(Buffer.from([255])).replace("/", "_"), "base64 is broken"],
    ["an unused bit", () => labelled(Buffer.from("0")).replace("MA", "MB"), "base64 is broken"],
    ["blanks between", () => certificate.replace(/\n(.{10})/, "\n$1 "), "base64 is broken"],
    ["no padding", () => labelled(Buffer.from("0")).replaceAll("=", ""), "base64 is broken"],
    ["bytes behind it", () => labelled(Buffer.concat([certificateDer, certificateDer])), "not DER"],
    ["another value", () => labelled(Buffer.from("0402aaaa", "hex")), "not DER"],
    ["an empty block", () => labelled(Buffer.alloc(0)), "not DER"],
    ["PEM in PEM", () => labelled(Buffer.from(certificate)), "not DER"],
    ["17 KB", () => labelled(Buffer.alloc(17_000, 0x30)), "more than 16384 bytes"],
    ["70 KB", () => certificate + " ".repeat(70_000), "more than 65536 characters"],
  ])("%s", (_, text, why) => {
    expect(refusal(() => certificatesIn(text()))).toContain(why);
  });

  test("its bytes are bounded to the last", () => {
    // A SEQUENCE of so many octets, with its tag and length.
    const sequence = (bytes: number) => {
      const content = Buffer.alloc(bytes - 4);
      return Buffer.concat([
        Buffer.from([0x30, 0x82, content.length >> 8, content.length]),
        content,
      ]);
    };
    expect(certificatesIn(labelled(sequence(16_384)))[0]).toHaveLength(16_384);
    const why = "it has more than 16384 bytes";
    expect(refusal(() => certificatesIn(labelled(sequence(16_385))))).toBe(why);
  });

  test("the characters around it are bounded to the last", () => {
    const whole = certificate.padEnd(65_536);
    expect(certificatesIn(whole)).toEqual([certificateDer]);
    expect(refusal(() => certificatesIn(`${whole} `))).toBe("it has more than 65536 characters");
  });

  test("a key with a passphrase", () => {
    const protect = ["-aes128", "-passout", "pass:secret"];
    const old = openssl(folder, "ec", "-in", "P-256.key", ...protect);
    expect(refusal(() => privateKeyIn(old))).toContain("as a key with a passphrase");
    const modern = openssl(folder, "pkcs8", "-topk8", "-in", "P-256.key", "-passout", "pass:s");
    expect(refusal(() => privateKeyIn(modern))).toContain("it has no private key");
  });
});

const BLANKS = " ".repeat(10_000);
const EMPTY_LINES = "\n".repeat(10_000);

describe("T61 a request from the wire is one block alone", () => {
  test.each([
    ["as openssl writes it", (pem: string) => pem],
    ["with CRLF", (pem: string) => pem.replaceAll("\n", "\r\n")],
    ["with empty lines behind", (pem: string) => `${pem}\n\n`],
    ["under the older label", (pem: string) => pem.replaceAll("CERT", "NEW CERT")],
  ])("%s: taken", (_, change) => {
    openssl(folder, "req", "-in", "r.csr", "-outform", "DER", "-out", "r.der");
    expect(requestIn(change(request))).toEqual(readFileSync(folder.join("r.der")));
  });

  test.each([
    ["a word before", (pem: string) => `x\n${pem}`, "a single PEM block"],
    ["a word behind", (pem: string) => `${pem}x`, "a single PEM block"],
    ["two", (pem: string) => pem + pem, "a single PEM block"],
    ["in one line", unwrapped, "a line of more than 64 characters"],
    ["a header", (pem: string) => pem.replace("-----\n", "-----\nA: b\n\n"), "it has headers"],
    ["another label", () => certificate, "it is not a certificate request"],
    [
      "blanks after a line",
      (pem: string) => pem.replace("\n", `${BLANKS}\n`),
      "mostly white space",
    ],
    ["empty lines inside", (pem: string) => pem.replace("\n", EMPTY_LINES), "mostly white space"],
    ["empty lines before", (pem: string) => EMPTY_LINES + pem, "mostly white space"],
    ["empty lines behind", (pem: string) => pem + EMPTY_LINES, "mostly white space"],
    ["two ends", (pem: string) => pem.replace("-----E", "-----END X-----\n-----E"), "broken"],
  ])("%s: refused", (_, change, why) => {
    expect(refusal(() => requestIn(change(request)))).toContain(why);
  });
});

test("T61 a request from the wire may be half blanks, and no more", () => {
  const half = request + "\n".repeat(request.length);
  expect(requestIn(half)).toBeInstanceOf(Buffer);
  expect(refusal(() => requestIn(`${half}\n`))).toBe("it is mostly white space");
});

test("T61 PEM that is made to be tried in every way is refused at once", () => {
  const start = process.cpuUsage();
  for (const read of [requestIn, certificatesIn, privateKeyIn]) {
    refusal(() => read(HEADERS_WITHOUT_END));
  }
  const { user, system } = process.cpuUsage(start);
  // Some 2 ms; the expression of the X.509 library took 90 s.
  expect((user + system) / 1000).toBeLessThan(2000);
});

describe("T61 DER", () => {
  const der = (digits: string) => soleDer(Buffer.from(digits, "hex"), 0x30);
  test.each([
    ["short", "3003020100", "020100"],
    ["empty", "3000", ""],
    ["of 128 bytes", `308180${"00".repeat(128)}`, "00".repeat(128)],
    ["of 256 bytes", `30820100${"00".repeat(256)}`, "00".repeat(256)],
  ])("a value %s is read", (_, digits, content) => {
    expect(der(digits)?.content.toString("hex")).toBe(content);
  });

  test.each([
    ["nothing", ""],
    ["a tag alone", "30"],
    ["an indefinite length", "30800000"],
    ["a length that is too long", "3004020100"],
    ["a length that is too short", "3002020100"],
    ["a length that takes more octets than it needs", "308103020100"],
    ["a length that is cut", "3082"],
    ["a length of five octets", "308500000000010000"],
    ["a tag of several octets", "3f8100"],
    ["another tag", "310100"],
  ])("%s is refused", (_, digits) => {
    expect(der(digits)).toBeUndefined();
  });

  test("more values than anything here has are refused", () => {
    expect(derValues(Buffer.alloc(32, Buffer.from("0500", "hex")))).toHaveLength(16);
    expect(derValues(Buffer.alloc(34, Buffer.from("0500", "hex")))).toBeUndefined();
  });
});
