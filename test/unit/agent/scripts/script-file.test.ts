import { afterAll, expect, test } from "bun:test";
import { chmodSync, chownSync, lchownSync, linkSync, mkdirSync, symlinkSync } from "node:fs";
import { judgeScript } from "../../../../src/agent/scripts/script-file.ts";
import { TestFolder } from "../../../support/folder.ts";

const folder = new TestFolder();
afterAll(() => folder[Symbol.dispose]());

const uid = process.getuid?.() ?? 0;
const kindOf = (path: string, dirs?: readonly string[], as = uid) =>
  judgeScript(path, dirs, as).kind;

test("a script of ours in folders of ours is good, below a sticky /tmp as well", () => {
  const path = folder.script("a/b/good.sh", "");
  expect(judgeScript(path, undefined, uid)).toEqual({ kind: "good", real: path });
  expect(judgeScript(`${folder.path}/a/./b//../b/good.sh`, undefined, uid)).toEqual({
    kind: "good",
    real: path,
  });
});

test.each([
  [0o777, "its group and others"],
  [0o775, "its group"],
  [0o757, "others"],
  [0o722, "its group and others"],
])("T13 a script of mode %o is refused, with who can write it and the remedy", (mode, writers) => {
  const path = folder.write(`modes/${mode}.sh`, "", mode);
  expect(judgeScript(path, undefined, uid)).toMatchObject({
    kind: "refused",
    problem: `${path} can be written by ${writers} (mode 0${mode.toString(8)})`,
    remedy: `chmod go-w ${path}`,
  });
});

test("T13 a folder above it that others can write to is refused, unless it is sticky", () => {
  const path = folder.script("wide/deep/x.sh", "");
  chmodSync(folder.join("wide"), 0o777);
  expect(judgeScript(path, undefined, uid)).toMatchObject({
    kind: "refused",
    remedy: `chmod go-w ${folder.join("wide")}`,
  });
  chmodSync(folder.join("wide"), 0o1777);
  expect(kindOf(path)).toBe("good");
  chmodSync(folder.join("wide"), 0o775);
  expect(kindOf(path)).toBe("refused");
});

test("T13 what belongs to neither root nor the agent's user is refused", () => {
  const path = folder.script("owned/x.sh", "");
  // As somebody else, the same file is another's.
  expect(kindOf(path, undefined, uid + 1)).toBe(uid === 0 ? "good" : "refused");
  if (uid === 0) {
    chownSync(path, 12_345, 12_345);
    expect(judgeScript(path, undefined, 0)).toMatchObject({
      kind: "refused",
      problem: `${path} belongs to user 12345, who could replace it`,
    });
    expect(kindOf(path, undefined, 12_345)).toBe("good");
    chownSync(path, 0, 0);
    chownSync(folder.join("owned"), 12_345, 12_345);
    expect(kindOf(path)).toBe("refused");
  }
});

test("T13 links are followed as the kernel would, and each place on the way is judged", () => {
  const path = folder.script("real/x.sh", "");
  const wide = folder.script("real-wide/x.sh", "");
  chmodSync(folder.join("real-wide"), 0o777);
  mkdirSync(folder.join("links"));
  symlinkSync(path, folder.join("links", "absolute"));
  symlinkSync("../real/x.sh", folder.join("links", "relative"));
  symlinkSync("../real", folder.join("links", "folder"));
  symlinkSync(wide, folder.join("links", "wide"));
  symlinkSync("loop", folder.join("links", "loop"));
  for (const link of ["absolute", "relative", "folder/x.sh"]) {
    expect(judgeScript(folder.join("links", link), undefined, uid)).toEqual({
      kind: "good",
      real: path,
    });
  }
  expect(kindOf(folder.join("links", "wide"))).toBe("refused");
  expect(kindOf(folder.join("links", "loop"))).toBe("unusable");
  chmodSync(folder.join("links"), 0o777);
  expect(kindOf(folder.join("links", "absolute"))).toBe("refused");
});

test("T13 in a sticky folder, what others may have placed there is refused", () => {
  const path = folder.script("aside/x.sh", "");
  symlinkSync(path, folder.join("aside", "link"));
  mkdirSync(folder.join("sticky"));
  chmodSync(folder.join("sticky"), 0o1777);
  const own = folder.script("sticky/own.sh", "");
  expect(kindOf(own)).toBe("good");
  // Anybody may give a second name to what is root's, where the kernel does not forbid it.
  linkSync(path, folder.join("sticky", "second.sh"));
  linkSync(folder.join("aside", "link"), folder.join("sticky", "second-link"));
  for (const name of ["second.sh", "second-link"]) {
    expect(judgeScript(folder.join("sticky", name), undefined, uid)).toMatchObject({
      kind: "refused",
      problem: `${folder.join("sticky", name)} has a second name (a hard link), in a folder that others can write to`,
    });
  }
  // By its first name it is as good as before: only who owns it can change it.
  expect(kindOf(path)).toBe("good");
  expect(kindOf(folder.join("sticky/../aside/x.sh"))).toBe("good");
  if (uid === 0) {
    symlinkSync("own.sh", folder.join("sticky", "theirs"));
    lchownSync(folder.join("sticky", "theirs"), 12_345, 12_345);
    symlinkSync("../sticky/theirs", folder.join("aside", "chain"));
    expect(judgeScript(folder.join("aside", "chain"), undefined, uid)).toMatchObject({
      kind: "refused",
      remedy: `chown root ${folder.join("sticky", "theirs")}`,
    });
  }
});

test("T13 nothing below /proc: its links lead elsewhere for each process that looks", () => {
  const path = folder.script("plain/x.sh", "");
  symlinkSync(`/proc/self/root${path}`, folder.join("through-proc"));
  for (const odd of [`/proc/self/root${path}`, `/proc/${process.pid}/root${path}`]) {
    expect(kindOf(odd)).toBe("refused");
  }
  expect(kindOf(folder.join("through-proc"))).toBe("refused");
});

test("T13 script_dirs holds for the real path", () => {
  const inside = folder.script("dirs/in/x.sh", "");
  const outside = folder.script("dirs/out/x.sh", "");
  folder.script("dirs/in-evil/x.sh", "");
  const dir = folder.join("dirs", "in");
  symlinkSync(outside, folder.join("dirs/in/leads-out"));
  symlinkSync(inside, folder.join("dirs/out/leads-in"));
  symlinkSync("in", folder.join("dirs/alias"));
  const dirs = [folder.join("nonexistent"), dir];
  expect(kindOf(inside, dirs)).toBe("good");
  expect(kindOf(inside, [`${dir}/`])).toBe("good");
  expect(kindOf(inside, [folder.join("dirs/alias")])).toBe("good");
  expect(kindOf(inside, ["/"])).toBe("good");
  expect(kindOf(folder.join("dirs/out/leads-in"), dirs)).toBe("good");
  for (const path of [
    outside,
    folder.join("dirs/in-evil/x.sh"),
    folder.join("dirs/in/leads-out"),
    `${dir}/../out/x.sh`,
    dir,
  ]) {
    expect([path, kindOf(path, dirs)]).toEqual([path, "outside"]);
  }
});

test("what is not there is unusable where it may be, and outside where it may not", () => {
  const path = folder.join("nothing/x.sh");
  expect(judgeScript(path, undefined, uid)).toMatchObject({
    kind: "unusable",
    problem: expect.stringContaining("no such file"),
  });
  expect(kindOf(path, [folder.path])).toBe("unusable");
  expect(kindOf(path, ["/opt"])).toBe("outside");
  expect(kindOf(`${folder.path}/../x.sh`, [folder.path])).toBe("outside");
});
