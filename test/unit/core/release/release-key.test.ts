import { afterAll, expect, test } from "bun:test";
import { parseReleaseKey } from "../../../../src/core/release/release-key.ts";
import { TestFolder } from "../../../support/folder.ts";
import { makeReleaseKey } from "../../../support/release.ts";

const folder = new TestFolder();
afterAll(() => folder[Symbol.dispose]());
const { line } = makeReleaseKey(folder);
const [type = "", coded = ""] = line.split(" ");

test("the public key of ssh-keygen, with its comment or without", () => {
  const key = parseReleaseKey(line);
  expect(key).toHaveLength(32);
  expect(parseReleaseKey(`${type} ${coded}`)).toEqual(key);
  expect(parseReleaseKey(`  ${type} ${coded} a comment of words\n`)).toEqual(key);
});

test.each([
  ["nothing", ""],
  ["another type", makeReleaseKey(folder, "ecdsa", "-t", "ecdsa").line],
  ["a type that is not that of the key", line.replace(type, "ssh-rsa")],
  ["a key that was cut", `${type} ${coded.slice(0, -4)}`],
  ["a key with more", `${type} ${coded}AAAA`],
  ["a key with another inside", `${type} ${coded.replace("AAAAC3", "AAAAC4")}`],
  ["two spaces", `${type}  ${coded}`],
  ["two lines", `${line}\n${line}`],
  ["options before it", `restrict ${line}`],
])("refuses %s", (_, text) => {
  expect(parseReleaseKey(text)).toBeUndefined();
});
