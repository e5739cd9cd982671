import { expect, test } from "bun:test";
import { hideSpots, SecretMask } from "../../../src/core/secret-mask.ts";

/** What comes of it in pieces of this length. */
function masked(bytes: Buffer, secret: string, length: number): Buffer {
  const mask = new SecretMask(secret);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += length) {
    // A copy, since what is held back must not depend on the piece.
    const piece = Buffer.from(bytes.subarray(at, at + length));
    pieces.push(Buffer.from(mask.take(piece)));
    piece.fill(0);
  }
  return Buffer.concat([...pieces, mask.end(false)]);
}

const TOKEN = 's3cr"\\é';
const AS_JSON = JSON.stringify(TOKEN).slice(1, -1);
const MARK = "[token]*";
const JSON_MARK = "[token]***";

test("T27 it is hidden wherever it is cut, and every other byte stays where it is", () => {
  const text = (token: string, json: string) =>
    `${token}s3s3cr"s3cr${token}${token}\n${json}x${json}s3cr"\\`;
  const around = (middle: string) =>
    Buffer.concat([Buffer.from([0xff]), Buffer.from(middle), Buffer.from([0xff, 0xc3])]);
  const printed = around(text(TOKEN, AS_JSON));
  const hidden = around(text(MARK, JSON_MARK));
  expect(hidden).toHaveLength(printed.length);
  for (let length = 1; length <= printed.length; length++) {
    expect(masked(printed, TOKEN, length).toString("latin1")).toBe(hidden.toString("latin1"));
  }
});

test("a short one leaves a short mark, and the piece is not changed", () => {
  const piece = Buffer.from("xabcx");
  expect(Buffer.from(new SecretMask("abc").take(piece)).toString()).toBe("x[tox");
  expect(piece.toString()).toBe("xabcx");
});

test("nothing is held back but what may be its beginning", () => {
  const mask = new SecretMask("secret");
  expect(mask.take(Buffer.from("line\n"))).toHaveLength(5);
  expect(mask.take(Buffer.from("a se"))).toHaveLength(2);
  expect(Buffer.from(mask.take(Buffer.from("e"))).toString()).toBe("see");
});

test("without a secret, pieces pass as they are", () => {
  const piece = Buffer.from("abc");
  const mask = new SecretMask("");
  expect(mask.take(piece)).toBe(piece);
  expect(mask.end(false)).toHaveLength(0);
});

test("T27 of output that was cut, what may be its beginning is hidden too", () => {
  const ends = (isCut: boolean) => {
    const mask = new SecretMask("a-long-secret");
    return Buffer.concat([mask.take(Buffer.from("x a-long-sec")), mask.end(isCut)]).toString();
  };
  expect(ends(true)).toBe("x [token]***");
  expect(ends(false)).toBe("x a-long-sec");
});

test("T27 of a secret that ends in a backslash, the whole is hidden also as JSON", () => {
  const printed = Buffer.from(JSON.stringify("ab\\"));
  expect(masked(printed, "ab\\", printed.length).toString()).toBe('"[tok"');
});

test("T27 where a secret stands partly in some bytes, or not at all, so much of the mark is put there", () => {
  const hidden = (...spots: readonly (readonly [at: number, length: number])[]) => {
    const bytes = Buffer.from("abcdef");
    hideSpots(
      bytes,
      10,
      spots.map(([at, length]) => ({ at, length })),
    );
    return bytes.toString();
  };
  expect(hidden()).toBe("abcdef");
  expect(hidden([0, 5], [0, 10], [16, 4], [30, 9])).toBe("abcdef");
  expect(hidden([8, 4])).toBe("okcdef");
  expect(hidden([14, 9])).toBe("abcd[t");
  expect(hidden([10, 1], [12, 2])).toBe("[b[tef");
  expect(hidden([8, 20])).toBe("oken]*");
});

test("T27 what may be the beginning is found behind what only looks like it", () => {
  const mask = new SecretMask("abc");
  expect(Buffer.from(mask.take(Buffer.from("xaa"))).toString()).toBe("xa");
  expect(Buffer.from(mask.take(Buffer.from("bcx"))).toString()).toBe("[tox");
});
