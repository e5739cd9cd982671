import { expect, test } from "bun:test";
import { isOfAnother } from "../../../../src/controller/store/record-writer.ts";
import { TestFolder } from "../../../support/folder.ts";

const OWN = "00000000000000aa";
const recordOf = (id: string) => JSON.stringify({ writer: { pid: 1, start: "2", id }, hosts: [] });

test("a record is its writer's, one that is gone nobody's, and any other another's", async () => {
  using folder = new TestFolder();
  expect(await isOfAnother(folder.write("own", recordOf(OWN)), OWN)).toBe(false);
  expect(await isOfAnother(folder.join("gone"), OWN)).toBe(false);
  expect(await isOfAnother(folder.write("other", recordOf("00000000000000bb")), OWN)).toBe(true);
  expect(await isOfAnother(folder.write("without", '{"hosts":[]}'), OWN)).toBe(true);
  // A full disk, or a power cut, may leave it so.
  expect(await isOfAnother(folder.write("empty", ""), OWN)).toBe(true);
});
