import { expect, test } from "bun:test";
import { chmodSync, linkSync, mkdirSync } from "node:fs";
import { judgePath } from "../../../../src/system/files/trusted-path.ts";
import { TestFolder } from "../../../support/folder.ts";

test.each([
  ["everybody may write in", 0o1777, false],
  ["others may write in", 0o1757, false],
  ["its group may write in", 0o1775, false],
  ["nobody else may write in", 0o1755, true],
])("T13 a second name, in a sticky folder that %s", (_, mode, good) => {
  using folder = new TestFolder();
  mkdirSync(folder.join("held"));
  chmodSync(folder.join("held"), mode);
  const file = folder.write("held/hook", "x");
  expect(judgePath(file).kind).toBe("good");
  linkSync(file, folder.join("second"));
  expect(judgePath(file)).toEqual(
    good
      ? { kind: "good", real: file }
      : {
          kind: "refused",
          problem: `${file} has a second name (a hard link), in a folder that others can write to`,
          remedy: "put it in a folder that others cannot write to",
        },
  );
});

test.each([
  [0o777, "its group and others"],
  [0o757, "others"],
  [0o775, "its group"],
])("T13 a folder of mode %o without the sticky bit is refused", (mode, writers) => {
  using folder = new TestFolder();
  mkdirSync(folder.join("held"));
  chmodSync(folder.join("held"), mode);
  expect(judgePath(folder.write("held/hook", "x"))).toMatchObject({
    kind: "refused",
    problem: `${folder.join("held")} can be written by ${writers} (mode 0${mode.toString(8)})`,
  });
});
