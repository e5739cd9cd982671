/**
 * The only reader of PEM (RFC 7468): all PEM input passes through here, and the libraries get DER. They look
 * for PEM with regular expressions that backtrack for minutes, and guess at what is not PEM (T61).
 *
 * Each line is read once, so the time grows with the length, and the length is bounded.
 */
import { CtrlExecError } from "../core/errors.ts";
import { SEQUENCE, soleDer } from "./der.ts";

/** Most characters in a text. A certificate with the output of `openssl x509 -text` takes 10,000. */
const MAX_TEXT = 65_536;

/** Characters of a line of base64 (RFC 7468 section 2). */
const LINE = 64;

interface PemKind {
  readonly name: string;
  readonly labels: readonly string[];
  /** Most bytes of its DER. An RSA key of 8192 bits takes 5 KB; a request or certificate for it, 2 to 3 KB. */
  readonly maxBytes: number;
}

/** The second label of each type is OpenSSL's older one (RFC 7468 sections 5.1 and 7). */
const CERTIFICATE: PemKind = {
  name: "certificate",
  labels: ["CERTIFICATE", "X509 CERTIFICATE"],
  maxBytes: 16_384,
};
const REQUEST: PemKind = {
  name: "certificate request",
  labels: ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"],
  maxBytes: 8192,
};
const PRIVATE_KEY: PemKind = {
  name: "private key",
  labels: ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"],
  maxBytes: 16_384,
};

export interface PemBlock {
  /** The text after BEGIN. */
  readonly label: string;
  /** One SEQUENCE, and nothing after it. */
  readonly der: Buffer;
}

/**
 * The certificates of a file, or of an answer that carries one, in order. A file may also have keys and other
 * text.
 *
 * @returns at least one
 * @throws CtrlExecError `protocol` whose message says what is wrong
 */
export function certificatesIn(text: string): readonly [Buffer, ...Buffer[]] {
  const [first, ...others] = blocksOf(CERTIFICATE, text).map(({ der }) => der);
  if (first === undefined) throw wrong("it has no certificate");
  return [first, ...others];
}

/**
 * The private key of a file. `openssl ecparam` writes parameters before it, and the file may also have a
 * certificate.
 *
 * @throws CtrlExecError `protocol` whose message says what is wrong, and nothing of the key
 */
export function privateKeyIn(text: string): PemBlock {
  const [key] = blocksOf(PRIVATE_KEY, text);
  if (key === undefined) throw wrong("it has no private key");
  return key;
}

/**
 * A request that a stranger sent: one block in lines of 64 characters, and nothing around it. Every agent
 * writes it that way, as OpenSSL did for 0.8. Blanks and empty lines are bounded, since all of it is stored
 * (T21).
 *
 * @throws CtrlExecError `protocol` whose message says what is wrong
 */
export function requestIn(text: string): Buffer {
  const { blocks, hasOtherText } = readPem(text);
  const [request] = blocks;
  if (request === undefined || blocks.length > 1 || hasOtherText) {
    throw wrong("it is not a single PEM block");
  }
  if (request.lines.some((line) => line.length > LINE)) {
    throw wrong(`it has a line of more than ${LINE} characters`);
  }
  const block = derOf(REQUEST, request);
  if (text.length > 2 * writePem(block).length) throw wrong("it is mostly white space");
  return block.der;
}

/** @param label the text after BEGIN */
export function writePem({ label, der }: PemBlock): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

export function writeCertificate(der: Buffer): string {
  return writePem({ label: "CERTIFICATE", der });
}

function blocksOf(kind: PemKind, text: string): PemBlock[] {
  const { blocks } = readPem(text);
  return blocks.filter(({ label }) => kind.labels.includes(label)).map((raw) => derOf(kind, raw));
}

function derOf(kind: PemKind, { label, lines }: RawBlock): PemBlock {
  if (!kind.labels.includes(label)) throw wrong(`it is not a ${kind.name}`);
  const base64 = lines.join("");
  if (base64.includes(":")) throw wrong("it has headers, as a key with a passphrase does");
  const der = Buffer.from(base64, "base64");
  // The decoder ignores what is not base64; encoding again shows whether it ignored anything.
  if (der.toString("base64") !== base64) throw wrong("its base64 is broken");
  if (der.length > kind.maxBytes) throw wrong(`it has more than ${kind.maxBytes} bytes`);
  // Given anything else, the libraries would guess whether it is PEM, hex or base64.
  if (soleDer(der, SEQUENCE) === undefined) throw wrong("it is not DER");
  return { label, der };
}

interface RawBlock {
  readonly label: string;
  /** The lines between BEGIN and END, without their newlines. */
  readonly lines: string[];
}

const BEGIN = /^-----BEGIN ([A-Z0-9 ]{1,40})-----$/;

/** All blocks of a text, whatever they contain. */
function readPem(text: string): {
  readonly blocks: readonly RawBlock[];
  readonly hasOtherText: boolean;
} {
  if (text.length > MAX_TEXT) throw wrong(`it has more than ${MAX_TEXT} characters`);
  const blocks: RawBlock[] = [];
  let hasOtherText = false;
  let open: RawBlock | undefined;
  for (const untrimmed of text.split("\n")) {
    const line = untrimmed.trimEnd();
    if (open === undefined) {
      const label = BEGIN.exec(line)?.[1];
      if (label !== undefined) open = { label, lines: [] };
      else if (line !== "") hasOtherText = true;
    } else if (line === `-----END ${open.label}-----`) {
      blocks.push(open);
      open = undefined;
    } else {
      open.lines.push(line);
    }
  }
  if (open !== undefined) throw wrong(`its ${open.label} has no end`);
  return { blocks, hasOtherText };
}

function wrong(what: string): CtrlExecError {
  return new CtrlExecError("protocol", what);
}
