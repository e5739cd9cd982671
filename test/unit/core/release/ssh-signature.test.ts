import { afterAll, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { parseReleaseKey } from "../../../../src/core/release/release-key.ts";
import { readSignature } from "../../../../src/core/release/ssh-signature.ts";
import { TestFolder } from "../../../support/folder.ts";
import { makeReleaseKey, type ReleaseKey, sshKeygen } from "../../../support/release.ts";

const folder = new TestFolder();
afterAll(() => folder[Symbol.dispose]());
const key = makeReleaseKey(folder);
const signed = sign(key);
const [begin, ...rest] = signed.trimEnd().split("\n");
const end = rest.at(-1);
const blob = Buffer.from(rest.slice(0, -1).join(""), "base64");

function sign({ file }: ReleaseKey, purpose = "ctrl-exec-release", ...options: string[]): string {
  const message = folder.write("message", "a message\n");
  sshKeygen("-q", "-Y", "sign", "-f", file, "-n", purpose, ...options, message);
  const signature = readFileSync(`${message}.sig`, "utf8");
  rmSync(`${message}.sig`);
  return signature;
}

/** In lines of 70 characters, as ssh-keygen writes it. */
function armoured(bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,70}/g) ?? [];
  return [begin, ...lines, end, ""].join("\n");
}

function changed(at: number, byte: number): string {
  const copy = Buffer.from(blob);
  copy[at] = byte;
  return armoured(copy);
}

test("what ssh-keygen has signed", () => {
  const read = readSignature(signed);
  if (typeof read === "string") throw new Error(read);
  expect(Buffer.from(read.key)).toEqual(Buffer.from(parseReleaseKey(key.line) ?? []));
  expect(read.signature).toHaveLength(64);
  expect(armoured(blob)).toBe(signed);
});

test.each([
  ["another purpose", sign(key, "file"), "not for the purpose ctrl-exec-release"],
  ["a longer purpose", sign(key, "ctrl-exec-release2"), "not for the purpose"],
  ["another hash", sign(key, "ctrl-exec-release", "-O", "hashalg=sha256"), "not over sha512"],
  ["another type of key", sign(makeReleaseKey(folder, "ec", "-t", "ecdsa")), "not ssh-ed25519"],
  ["a signature of RSA", sign(makeReleaseKey(folder, "rsa", "-t", "rsa")), "not ssh-ed25519"],
  ["another version of the format", changed(9, 2), "another version"],
  ["another mark", changed(0, 0x73), "not an SSH signature"],
  ["a signature that was cut", armoured(blob.subarray(0, -1)), "cut"],
  ["one with more after it", armoured(Buffer.concat([blob, Buffer.of(0)])), "added"],
  ["a length beyond the end", changed(10, 0xff), "not ssh-ed25519"],
  ["nothing", "", "not an SSH signature"],
  ["an empty one", [begin, end, ""].join("\n"), "not an SSH signature"],
  ["words before it", `x\n${signed}`, "not an SSH signature"],
  ["words after it", `${signed}x`, "not an SSH signature"],
  ["two of them", signed + signed, "not an SSH signature"],
  ["other line breaks", signed.replaceAll("\n", "\r\n"), "not an SSH signature"],
  ["spaces within", signed.replace(/^(U1NI)/m, "$1 "), "not an SSH signature"],
  ["padding within", signed.replace("U1NI", "U1=I"), "not base64"],
  ["a long text", "A".repeat(3000), "too long"],
])("T36 refuses %s", (_, text, problem) => {
  expect(readSignature(text)).toContain(problem);
});
