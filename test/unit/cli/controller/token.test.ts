import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { readTokenFile, tokenOption } from "../../../../src/cli/controller/token.ts";
import { TestFolder } from "../../../support/folder.ts";
import { KeptIo } from "../../../support/kept-io.ts";

const self = process.getuid?.() ?? 0;

describe("--token-file", () => {
  test.each([undefined, self])("has the token in one line (caller %p)", (caller) => {
    using folder = new TestFolder();
    for (const text of ["t0ken", "t0ken\n", "t0ken\r\n"]) {
      expect(readTokenFile(folder.write("token", text, 0o600), caller)).toBe("t0ken");
    }
    expect(readTokenFile(folder.write("token", " a b=ü ", 0o600), caller)).toBe(" a b=ü ");
    expect(readTokenFile(folder.write("token", "x".repeat(65_536), 0o600), caller)).toHaveLength(
      65_536,
    );
  });

  test.each([
    ["", "it is empty"],
    ["\n", "it is empty"],
    ["s3cret\nmore\n", "it is not one line of text"],
    ["s3cret\n\n", "it is not one line of text"],
    ["s3cret\0", "it is not one line of text"],
    [new Uint8Array([0x73, 0xff, 0xfe]), "it is not one line of text"],
    ["s3cret".repeat(12_000), "it is longer than 64 KiB"],
  ])("T27 of %p is refused, and not shown", (content, problem) => {
    using folder = new TestFolder();
    const file = folder.write("token", content, 0o600);
    const read = () => readTokenFile(file, undefined);
    expect(read).toThrow(`Cannot take a token from ${file}: ${problem}`);
    expect(read).not.toThrow("s3cret");
  });

  test.each([undefined, self])("T27 that every user may open is refused (caller %p)", (caller) => {
    using folder = new TestFolder();
    for (const mode of [0o644, 0o604, 0o602]) {
      const file = folder.write("a token", "s3cret\n", mode);
      expect(() => readTokenFile(file, caller)).toThrow(
        expect.objectContaining({
          code: "usage",
          message: `Cannot take a token from ${file}: every user of this host may open it (mode 0${mode.toString(8)})`,
          hint: `Make it private: chmod 600 '${file}'`,
        }),
      );
    }
    expect(readTokenFile(folder.write("a token", "s3cret\n", 0o640), caller)).toBe("s3cret");
  });

  test("that is not a plain file is not waited for", () => {
    using folder = new TestFolder();
    const fifo = folder.join("fifo");
    Bun.spawnSync(["mkfifo", fifo]);
    expect(() => readTokenFile(fifo, undefined)).toThrow("it is not a plain file");
    expect(() => readTokenFile(folder.path, undefined)).toThrow("it is a folder");
    expect(() => readTokenFile(folder.join("none"), undefined)).toThrow("no such file or folder");
  });

  test("T62 with lent rights is the caller's own, and one answer stands for all others", () => {
    using folder = new TestFolder();
    const own = folder.write("token", "t0ken\n", 0o600);
    const link = folder.join("link");
    symlinkSync(own, link);
    mkdirSync(folder.join("folder"));
    folder.write("empty", "", 0o600);
    const refused: [string, number][] = [
      [own, self + 1],
      [own, Number.NaN],
      [link, self],
      [folder.join("folder"), self],
      [folder.join("empty"), self],
      [folder.join("none"), self],
      ["/proc/self/environ", self],
    ];
    for (const [file, caller] of refused) {
      expect(() => readTokenFile(file, caller)).toThrow(
        `Cannot use ${file}: there is no plain file of your own at that path`,
      );
    }
  });
});

test("T62 with lent rights the way to the token tells nothing of the folders that it names", () => {
  using folder = new TestFolder();
  folder.write("token", "t0ken\n", 0o600);
  folder.write("root/there/file", "");
  folder.write("real/token", "t0ken\n", 0o600);
  const read = (way: string) => {
    try {
      return readTokenFile(`${folder.path}/${way}`, self);
    } catch (thrown) {
      return String(thrown).replace(way, "<way>");
    }
  };
  const refused = `CtrlExecError: Cannot use ${folder.path}/<way>: there is no plain file of your own at that path`;
  expect([read("root/there/../../token"), read("root/none/../../token")]).toEqual([
    "t0ken",
    "t0ken",
  ]);
  for (const [name, to] of [
    ["to-there", "root/there/../../real"],
    ["to-none", "root/none/../../real"],
    ["to-file", "root/there/file/../../../real"],
    ["direct", "real"],
  ] as const) {
    symlinkSync(`${folder.path}/${to}`, folder.join(name));
    expect(read(`${name}/token`)).toBe(refused);
    expect(read(`${name}/../token`)).toBe("t0ken");
  }
  expect(read("real/token")).toBe("t0ken");
});

describe("where the token comes from", () => {
  const options = (token?: string, file?: string) => ({ token, "token-file": file });
  const io = (inIsTerminal = false) =>
    new KeptIo({ inIsTerminal, env: { ENVEXEC_TOKEN: "of the environment" } }).io;

  test("the command line, before the environment", async () => {
    using folder = new TestFolder();
    const file = folder.write("token", "of the file\n", 0o600);
    expect(await tokenOption(options(), io())).toBe("of the environment");
    expect(await tokenOption(options("typed"), io())).toBe("typed");
    expect(await tokenOption(options(""), io())).toBe("");
    expect(await tokenOption(options(undefined, file), io())).toBe("of the file");
    expect(await tokenOption(options(), new KeptIo().io)).toBe("");
  });

  test("not both of them, and not what a terminal would show", async () => {
    const both = tokenOption(options("s3cret", "/nowhere"), io()).catch(String);
    expect(await both).toContain("--token and --token-file cannot be used together");
    const typed = tokenOption(options(undefined, "-"), io(true)).catch(String);
    expect(await typed).toContain("--token-file - reads standard input, which is a terminal");
  });
});
