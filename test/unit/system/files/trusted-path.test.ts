import { expect, test } from "bun:test";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import {
  executableProblem,
  judgePath,
  judgeProgram,
} from "../../../../src/system/files/trusted-path.ts";
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

test("a program is a file that may be executed, and what else it is comes with its remedy", () => {
  using folder = new TestFolder();
  const program = folder.script("p", "");
  expect(executableProblem(program)).toBeUndefined();
  expect(judgeProgram(program)).toEqual({ kind: "good", real: program });
  const file = folder.write("f", "");
  expect(judgeProgram(file)).toEqual({
    kind: "unusable",
    problem: `${file} is not executable`,
    remedy: `chmod +x ${file}`,
    code: "EACCES",
  });
  expect(judgeProgram(folder.path)).toEqual({
    kind: "unusable",
    problem: `${folder.path} is not a file`,
    remedy: "name the program itself",
    code: "EACCES",
  });
  chmodSync(program, 0o757);
  expect(judgeProgram(program)).toMatchObject({ kind: "refused", remedy: `chmod go-w ${program}` });
});

test("what is not there is to be put there; what cannot be looked at is to be checked", () => {
  using folder = new TestFolder();
  const none = folder.join("none");
  expect(judgePath(none)).toEqual({
    kind: "unusable",
    problem: `${none}: no such file or folder`,
    remedy: "put it there, or correct the line that names it",
    code: "ENOENT",
  });
  const below = `${folder.write("f", "")}/x`;
  expect(judgePath(below)).toMatchObject({ code: "ENOTDIR", remedy: `check ${below}` });
});

test("a path is walked through 40 links, as the kernel does, and no further", () => {
  using folder = new TestFolder();
  folder.write("0", "");
  for (let link = 1; link <= 41; link++) symlinkSync(`${link - 1}`, folder.join(`${link}`));
  expect(judgePath(folder.join("40"))).toEqual({ kind: "good", real: folder.join("0") });
  expect(judgePath(folder.join("41"))).toMatchObject({
    kind: "unusable",
    code: "ELOOP",
    problem: expect.stringContaining("too many symbolic links"),
  });
});

test.each([
  [0o664, "f", "good", ""],
  [0o666, "f", "refused", "chmod go-w"],
  [0o775, "d", "good", ""],
  [0o777, "d", "refused", "chmod o-w"],
])("where the group may write, mode %o of %s is %s", (mode, name, kind, remedy) => {
  using folder = new TestFolder();
  folder.write("f", "");
  mkdirSync(folder.join("d"));
  chmodSync(folder.join(name), mode);
  expect(judgePath(folder.join(name), process.getuid?.(), { groupMayWrite: true })).toMatchObject({
    kind,
    ...(remedy === "" ? {} : { remedy: `${remedy} ${folder.join(name)}` }),
  });
});

const SHARED = "/dev/shm";

if (statSync(SHARED, { throwIfNoEntry: false })?.isDirectory() === true)
  test("T13 a link in a file system that is mounted where all may write leads out of it as anywhere", () => {
    const folder = mkdtempSync(join(SHARED, "ctrl-exec-test-"));
    const link = `${folder}-link`;
    try {
      writeFileSync(join(folder, "f"), "", { mode: 0o600 });
      symlinkSync(join("..", basename(SHARED), basename(folder), "f"), link);
      expect(judgePath(link)).toEqual({ kind: "good", real: join(folder, "f") });
    } finally {
      rmSync(link, { force: true });
      rmSync(folder, { recursive: true });
    }
  });
