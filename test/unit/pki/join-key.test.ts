import { expect, test } from "bun:test";
import {
  isSignedByKey,
  isSignedByToken,
  keyFromSeed,
  publicHalf,
  signStatement,
} from "../../../src/pki/join-key.ts";
import { generateKeyPem, publicKeyBytes, readPrivateKey } from "../../../src/pki/keys.ts";

const WORDS = Buffer.from("af82", "hex");

test("keys and signatures are those of RFC 8032, section 7.1, test 3", () => {
  const seed = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7";
  const key = keyFromSeed(Buffer.from(seed, "hex"));
  const publicKey = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
  expect(publicHalf(key)).toBe(publicKey);
  const signature = signStatement(WORDS, key);
  expect(signature).toBe(
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  );
  expect(isSignedByToken(WORDS, signature, publicKey)).toBe(true);
  expect(isSignedByToken(Buffer.from("af83", "hex"), signature, publicKey)).toBe(false);
  expect(isSignedByToken(WORDS, signature, "00".repeat(32))).toBe(false);
  for (const other of ["", "00", `00${signature.slice(2)}`, `${signature}00`]) {
    expect(isSignedByToken(WORDS, other, publicKey), other).toBe(false);
  }
});

test("a host's own key signs whatever its type is; what is not a key signs nothing", async () => {
  const key = readPrivateKey(await generateKeyPem("ec"), "key");
  const signature = signStatement(WORDS, key);
  expect(isSignedByKey(WORDS, signature, publicKeyBytes(key))).toBe(true);
  expect(isSignedByKey(Buffer.from("x"), signature, publicKeyBytes(key))).toBe(false);
  expect(isSignedByKey(WORDS, signature, Buffer.from("not a key"))).toBe(false);
});
