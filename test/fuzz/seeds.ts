/** Sound certificates, requests and keys, the same in every run; no signature in them has to hold. */
import { writeCertificate, writePem } from "../../src/pki/pem.ts";
import { HONEST_REQUEST } from "../support/forged-request.ts";

/** DER of a value. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

const hex = (digits: string) => Buffer.from(digits, "hex");
const SEQUENCE = 0x30;

/** The point 1·G of P-256 as SubjectPublicKeyInfo, and its private key, which is 1. */
const POINT =
  "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
const SPKI = der(
  SEQUENCE,
  hex("301306072a8648ce3d020106082a8648ce3d030107"),
  der(0x03, hex(`0004${POINT}`)),
);
const PRIVATE = hex(`${"00".repeat(31)}01`);

export const KEY = writePem({
  label: "PRIVATE KEY",
  der: der(
    SEQUENCE,
    hex("020100301306072a8648ce3d020106082a8648ce3d030107"),
    der(0x04, der(SEQUENCE, hex("020101"), der(0x04, PRIVATE))),
  ),
});
export const OLD_KEY = `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${writePem(
  {
    label: "EC PRIVATE KEY",
    der: der(SEQUENCE, hex("020101"), der(0x04, PRIVATE), der(0xa0, hex("06082a8648ce3d030107"))),
  },
)}`;

/** A certificate for these names, DER. */
export function certificateFor(commonName: string, names: readonly string[]): Buffer {
  const ecdsa = hex("300a06082a8648ce3d040302");
  const name = der(
    SEQUENCE,
    der(0x31, der(SEQUENCE, hex("0603550403"), der(0x0c, Buffer.from(commonName)))),
  );
  const dates = der(
    SEQUENCE,
    der(0x17, Buffer.from("260101000000Z")),
    der(0x17, Buffer.from("360101000000Z")),
  );
  const dnsNames = der(SEQUENCE, ...names.map((dnsName) => der(0x82, Buffer.from(dnsName))));
  const extension = der(SEQUENCE, hex("0603551d11"), der(0x04, dnsNames));
  const extensions = names.length === 0 ? [] : [der(0xa3, der(SEQUENCE, extension))];
  const signed = der(
    SEQUENCE,
    hex("a003020102"),
    hex("02020aff"),
    ecdsa,
    name,
    dates,
    name,
    SPKI,
    ...extensions,
  );
  return der(SEQUENCE, signed, ecdsa, der(0x03, hex("003006020101020101")));
}

export const CERTIFICATE = writeCertificate(
  certificateFor("web-01", ["web-01", "www.example.com"]),
);
export const MANY_NAMES = certificateFor(
  "web-01",
  Array.from({ length: 1200 }, (_, index) => `h${index}.a.org`),
);
export const REQUEST = HONEST_REQUEST;
