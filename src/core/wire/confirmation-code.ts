/**
 * The six digits that both screens show during pairing (docs/PROTOCOL.md, section 1). There are two kinds: one
 * covers both hosts; the other, from 0.8 and 1.0, the request alone.
 */
import { laidOut } from "./laid-out.ts";

/** What a code covers. Someone who can choose the request can find one with a given code of the second kind within seconds. */
export type CodeCovers = "both" | "request";

/** What the operator compares with the agent's screen. */
export interface Confirmation {
  readonly code: string;
  readonly covers: CodeCovers;
}

/** The parts of a code that covers both hosts. Values are 64 lower-case hex digits: 32 random bytes. */
export interface CodeParts {
  /** The certificate request's PEM text exactly as sent. */
  readonly csr: string;
  /** The control host's certificate as shown in the handshake, DER. */
  readonly certificate: Uint8Array;
  readonly agentValue: string;
  readonly controllerValue: string;
}

/** Covers the request alone: SHA-256 over the CSR's PEM text exactly as sent. */
export function confirmationCode(csrPem: string): string {
  return sixDigits(new Bun.CryptoHasher("sha256").update(csrPem, "utf8").digest());
}

/** The confirmation if one side does not exchange values. */
export function ofRequestAlone(csrPem: string): Confirmation {
  return { code: confirmationCode(csrPem), covers: "request" };
}

/** Covers both hosts. Neither side knew the other's value when it committed to its own (T07). */
export function exchangedCode(parts: CodeParts): string {
  return sixDigits(
    digest(
      "ctrl-exec pairing code 1",
      parts.csr,
      parts.certificate,
      Buffer.from(parts.agentValue, "hex"),
      Buffer.from(parts.controllerValue, "hex"),
    ),
  );
}

/**
 * The commitment that the agent sends before its value: it binds the agent to the value and reveals nothing.
 * Hex.
 */
export function commitmentTo(agentValue: string, csr: string): string {
  const value = Buffer.from(agentValue, "hex");
  return digest("ctrl-exec pairing commitment 1", csr, value).toString("hex");
}

function digest(...fields: readonly (string | Uint8Array)[]): Buffer {
  return new Bun.CryptoHasher("sha256").update(laidOut(fields)).digest();
}

/** The first four bytes as a big-endian number, modulo one million. */
function sixDigits(hash: Buffer): string {
  return String(hash.readUInt32BE(0) % 1_000_000).padStart(6, "0");
}
