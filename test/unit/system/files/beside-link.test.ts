import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { besideLink } from "../../../../src/system/files/beside-link.ts";
import { TestFolder } from "../../../support/folder.ts";

test("a configuration that is a link to another folder is named, with where files are looked for", () => {
  using folder = new TestFolder();
  const real = folder.write("real/ctrl-exec.conf", "");
  mkdirSync(folder.join("links"));
  const link = folder.join("links/ctrl-exec.conf");
  symlinkSync(real, link);
  expect(besideLink(link)).toStartWith(`${link} is a link to ${real}: files without a path`);
  // A link beside its file changes nothing, and neither does a file that is not there.
  symlinkSync("ctrl-exec.conf", folder.join("real/other.conf"));
  for (const name of ["real/ctrl-exec.conf", "real/other.conf", "real/none.conf"]) {
    expect(besideLink(folder.join(name))).toBe("");
  }
});
