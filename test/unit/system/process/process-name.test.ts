import { expect, test } from "bun:test";
import { join } from "node:path";
import { TestFolder } from "../../../support/folder.ts";

const MODULE = join(import.meta.dir, "../../../../src/system/process/process-name.ts");

/** What the kernel says of a process that was started by these first words and has named itself. */
function named(name: string, first: string, ...words: readonly string[]) {
  using folder = new TestFolder();
  const file = folder.write(
    "names.ts",
    `import { readdirSync, readFileSync, readlinkSync } from "node:fs";
    import { nameProcess } from ${JSON.stringify(MODULE)};
    nameProcess(${JSON.stringify(name)});
    const text = (file) => readFileSync("/proc/self/" + file, "utf8");
    const open = readdirSync("/proc/self/fd").filter((fd) => {
      try { return readlinkSync("/proc/self/fd/" + fd).endsWith("/mem"); } catch { return false; }
    });
    console.log(JSON.stringify([text("comm").trim(), text("cmdline").split("\\0").slice(0, -2), open]));`,
  );
  const command = { cmd: [process.execPath, ...words, file], argv0: first };
  const { stdout, stderr } = Bun.spawnSync(command);
  expect(stderr.toString()).toBe("");
  const [comm, args, open]: [string, string[], string[]] = JSON.parse(stdout.toString());
  expect(open).toEqual([]);
  return { comm, args };
}

test.each(["prog", "/opt/prog", "./prog"])("%s with its first word has one name", (first) => {
  expect(named("prog-run", first, "run")).toEqual({ comm: "prog-run", args: [`${first}-run`] });
});

test.each([
  ["another program", "other", ["run"]],
  ["one whose name ends so", "myprog", ["run"]],
  ["another first word", "prog", ["--bun"]],
  ["a first word that only begins so", "prog", ["--smol", "run"]],
  ["no word", "prog", []],
])("the arguments of %s stay as they are", (_, first, words) => {
  expect(named("prog-run", first, ...words)).toEqual({ comm: "prog-run", args: [first, ...words] });
});
