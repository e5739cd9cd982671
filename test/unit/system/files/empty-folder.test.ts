/** A folder that is filled with new files: which one is taken, whose its files are, and what is left of it. */
import { expect, test } from "bun:test";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { EmptyFolder } from "../../../../src/system/files/empty-folder.ts";
import { TestFolder } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const self = process.geteuid?.() ?? 0;
const asRoot = self === 0;

async function create(held: EmptyFolder, name: string, text = ""): Promise<void> {
  const file = await held.create(name);
  await file.write(text);
  await file.close();
}

test("it is made if it is missing, for its owner alone, and so are its files", async () => {
  using folder = new TestFolder();
  const path = folder.join("new");
  {
    using held = EmptyFolder.open(`${path}//`);
    await create(held, "f", "x");
    await create(held, "g");
    held.remove("g");
    held.remove("none");
  }
  expect(readFileSync(`${path}/f`, "utf8")).toBe("x");
  expect(readdirSync(path)).toEqual(["f"]);
  expect([path, `${path}/f`].map((one) => statSync(one).mode & 0o777)).toEqual([0o700, 0o600]);
});

test("what was made for nothing is removed; what was there, is used, or has something in it stays", async () => {
  using folder = new TestFolder();
  EmptyFolder.open(folder.join("vain"))[Symbol.dispose]();
  mkdirSync(folder.join("there"));
  EmptyFolder.open(folder.join("there"))[Symbol.dispose]();
  {
    using held = EmptyFolder.open(folder.join("used"));
    await create(held, "f");
    held.remove("f");
  }
  const taken = EmptyFolder.open(folder.join("taken"));
  folder.write("taken/theirs", "");
  taken[Symbol.dispose]();
  expect(readdirSync(folder.path).sort()).toEqual(["taken", "there", "used"]);
});

test("T62 neither a link, a file, a folder with something in it, nor another user's is filled", () => {
  using folder = new TestFolder();
  mkdirSync(folder.join("real"));
  symlinkSync("real", folder.join("link"));
  folder.write("file", "");
  folder.write("full/f", "");
  for (const link of ["link", "link/", "file"]) {
    expect(() => EmptyFolder.open(folder.join(link))).toThrow("ENOTDIR");
  }
  expect(() => EmptyFolder.open(folder.join("full"))).toThrow("it is not empty");
  expect(() => EmptyFolder.open(folder.join("none/below"))).toThrow("ENOENT");
  expect(() => EmptyFolder.openOf(folder.join("real"), self + 1)).toThrow(
    "it belongs to another user",
  );
  expect(() => EmptyFolder.openOf(folder.join("none"), self)).toThrow("ENOENT");
  expect(openFiles(process.pid).filter((file) => file.startsWith(folder.path))).toEqual([]);
});

test("T62 files are made in the folder that was opened, whatever is at its path meanwhile", async () => {
  using folder = new TestFolder();
  const path = folder.join("held");
  using held = EmptyFolder.open(path);
  renameSync(path, folder.join("moved"));
  mkdirSync(folder.join("theirs"));
  symlinkSync("theirs", path);
  await create(held, "f");
  await create(held, "g");
  held.remove("g");
  expect(readdirSync(folder.join("moved"))).toEqual(["f"]);
  expect(readdirSync(folder.join("theirs"))).toEqual([]);
});

test("T62 no file is replaced, no link is followed, and nothing is made once it was given up", async () => {
  using folder = new TestFolder();
  const held = EmptyFolder.open(folder.join("held"));
  symlinkSync("../outside", folder.join("held/link"));
  folder.write("held/there", "theirs");
  for (const name of ["link", "there"]) {
    await expect(held.create(name)).rejects.toMatchObject({ code: "EEXIST" });
  }
  held[Symbol.dispose]();
  await expect(held.create("late")).rejects.toThrow("it was given up");
  expect(existsSync(folder.join("outside"))).toBe(false);
  expect(readFileSync(folder.join("held/there"), "utf8")).toBe("theirs");
  expect(openFiles(process.pid).filter((file) => file.startsWith(folder.path))).toEqual([]);
});

if (asRoot)
  test("what root writes for a caller is the caller's, and the caller's group's", async () => {
    using folder = new TestFolder();
    mkdirSync(folder.join("held"));
    chownSync(folder.join("held"), 12_345, 54_321);
    expect(() => EmptyFolder.open(folder.join("held"))).toThrow("it belongs to another user");
    using held = EmptyFolder.openOf(folder.join("held"), 12_345);
    await create(held, "f");
    const { uid, gid } = statSync(folder.join("held/f"));
    expect([uid, gid]).toEqual([12_345, 54_321]);
    // What it writes for itself is its own, whatever the folder's group is.
    mkdirSync(folder.join("own"));
    chownSync(folder.join("own"), 0, 54_321);
    using own = EmptyFolder.open(folder.join("own"));
    await create(own, "f");
    expect(statSync(folder.join("own/f")).gid).toBe(process.getegid?.() ?? 0);
  });
