import {
  certificatesAlone,
  isSignedBy,
  parseFingerprint,
  readCertificate,
  readDerCertificate,
  speaksFor,
} from "../../../src/pki/certificate.ts";
import { judgeCsr } from "../../../src/pki/csr.ts";
import { privateKeyAlone, readPrivateKey } from "../../../src/pki/keys.ts";
import { certificatesIn, requestIn, writePem } from "../../../src/pki/pem.ts";
import { formOf } from "../../../src/pki/whose-certificate.ts";
import { CERTIFICATE, KEY, MANY_NAMES, OLD_KEY, REQUEST } from "../seeds.ts";
import { type Target, textTarget } from "../target.ts";

const PEM_PIECES = [
  "-----BEGIN CERTIFICATE-----\n",
  "-----END CERTIFICATE-----\n",
  "-----BEGIN CERTIFICATE REQUEST-----\n",
  "-----BEGIN X-----\n",
  "-----END X-----\n",
  "-----",
  "MIIB",
  "A".repeat(64),
  "====",
  "a: b\n",
  "    x\n",
  "Proc-Type: 4,ENCRYPTED\n",
];

const DER_PIECES = [
  "3080",
  "0000",
  "30820fff",
  "0500",
  "020100",
  "2480",
  "0400",
  "03020000",
  "3f8100",
  "a000",
  "06032a0304",
  "1f",
  "0c00",
].map((digits) => Buffer.from(digits, "hex").toString("latin1"));

function judgeCertificate(pem: string): void {
  const certificate = readCertificate(pem, "it");
  certificatesAlone(pem, "it");
  speaksFor(certificate, "web-01");
  formOf(certificate);
  isSignedBy(certificate, certificate);
}

export const PKI: readonly Target[] = [
  textTarget(
    "PEM certificate",
    [CERTIFICATE, CERTIFICATE + CERTIFICATE, `x\n${CERTIFICATE}`],
    PEM_PIECES,
    judgeCertificate,
  ),
  textTarget("PEM private key", [KEY, OLD_KEY, KEY + CERTIFICATE], PEM_PIECES, (text) => {
    readPrivateKey(text, "it");
    privateKeyAlone(text, "it");
  }),
  textTarget("PEM certificate request", [REQUEST], PEM_PIECES, (text) => judgeCsr(text, "web-01")),
  {
    name: "DER certificate",
    seeds: [certificatesIn(CERTIFICATE)[0], MANY_NAMES],
    pieces: DER_PIECES,
    read(input) {
      speaksFor(readDerCertificate(input, "it"), "web-01");
      judgeCertificate(writePem({ label: "CERTIFICATE", der: input }));
    },
  },
  {
    name: "DER certificate request",
    seeds: [requestIn(REQUEST)],
    pieces: DER_PIECES,
    read: (input) => judgeCsr(writePem({ label: "CERTIFICATE REQUEST", der: input }), "web-01"),
  },
  textTarget(
    "fingerprint",
    [`sha256:${"0a".repeat(32)}`],
    ["sha256:", "0a:", "="],
    parseFingerprint,
  ),
];
