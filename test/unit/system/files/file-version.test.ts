import { afterEach, expect, setSystemTime, test } from "bun:test";
import { fileVersion } from "../../../../src/system/files/file-version.ts";
import { TestFolder } from "../../../support/folder.ts";

afterEach(() => setSystemTime());

test("a file is a new one at every look only while its timestamps may repeat", () => {
  using folder = new TestFolder();
  const file = folder.write("a", "x");
  expect(fileVersion(file)).not.toBe(fileVersion(file));
  setSystemTime(new Date(Date.now() + 1000));
  expect(fileVersion(file)).toBe(fileVersion(file));
});

test("T68 a file that was written while the clock was ahead is not a new one at every look", () => {
  using folder = new TestFolder();
  const file = folder.write("a", "x");
  setSystemTime(new Date(Date.now() - 3_600_000));
  expect(fileVersion(file)).toBe(fileVersion(file));
});
