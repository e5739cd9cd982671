import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  commitmentTo,
  confirmationCode,
  exchangedCode,
} from "../../../../src/core/wire/confirmation-code.ts";
import { ROOT } from "../../../support/documents.ts";

// Each value computed with sha256sum and shell arithmetic: 4 bytes, big-endian, modulo a million.
test.each([
  ["", "012610"],
  ["abc", "432319"],
  ["-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n", "334026"],
])("the code of %j", (csr, code) => {
  expect(confirmationCode(csr)).toBe(code);
});

test("the trailing newline counts, as it is part of what was sent", () => {
  expect(confirmationCode("abc\n")).not.toBe(confirmationCode("abc"));
});

test("six digits, leading zeros kept", () => {
  const codes = Array.from({ length: 2000 }, (_, index) => confirmationCode(String(index)));
  expect(codes.every((code) => /^\d{6}$/.test(code))).toBe(true);
  expect(codes.some((code) => code.startsWith("0"))).toBe(true);
});

/** As docs/PROTOCOL.md has it; the hashes are sha256sum's over fields that another language laid out. */
const EXAMPLE = {
  csr: "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n",
  certificate: Buffer.from("3003020100", "hex"),
  agentValue: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
  controllerValue: "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
};
const COMMITMENT = "bc916fa532b715735ef6853d72eef52c79d354ed4e1fb3b307d00036cc720199";

describe("T07 a code that covers both hosts", () => {
  test("is the one that the protocol document computes", () => {
    expect(commitmentTo(EXAMPLE.agentValue, EXAMPLE.csr)).toBe(COMMITMENT);
    expect(exchangedCode(EXAMPLE)).toBe("100955");
    const document = readFileSync(join(ROOT, "docs", "PROTOCOL.md"), "utf8");
    for (const text of [EXAMPLE.agentValue, EXAMPLE.controllerValue, COMMITMENT, "`100955`"]) {
      expect(document).toContain(text);
    }
  });

  const other = "f".repeat(64);
  test.each([
    ["the request", { csr: `${EXAMPLE.csr}\n` }],
    ["the control host's certificate", { certificate: Buffer.from("3003020101", "hex") }],
    ["the agent's value", { agentValue: other }],
    ["the control host's value", { controllerValue: other }],
    [
      "which value is whose",
      { agentValue: EXAMPLE.controllerValue, controllerValue: EXAMPLE.agentValue },
    ],
  ])("changes with %s", (_, change) => {
    expect(exchangedCode({ ...EXAMPLE, ...change })).not.toBe("100955");
  });

  test("no byte moves from one field to the next unseen", () => {
    const csr = EXAMPLE.csr.slice(0, -1);
    const certificate = Buffer.concat([Buffer.from("\n"), EXAMPLE.certificate]);
    expect(exchangedCode({ ...EXAMPLE, csr, certificate })).not.toBe("100955");
  });

  test("the commitment binds to the value and to the request", () => {
    expect(commitmentTo(other, EXAMPLE.csr)).not.toBe(COMMITMENT);
    expect(commitmentTo(EXAMPLE.agentValue, `${EXAMPLE.csr}\n`)).not.toBe(COMMITMENT);
  });
});
