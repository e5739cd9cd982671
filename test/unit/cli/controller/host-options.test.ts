import { describe, expect, test } from "bun:test";
import { readTypedFile } from "../../../../src/cli/command/typed-file.ts";
import { hostChoice, hostsIn, listedHosts } from "../../../../src/cli/controller/host-options.ts";
import type { CtrlExecError } from "../../../../src/core/errors.ts";
import { TestFolder } from "../../../support/folder.ts";
import { KeptIo } from "../../../support/kept-io.ts";

const NONE = { except: undefined, limit: undefined };

describe("--hosts-from", () => {
  const from = (file?: string, token?: string) =>
    listedHosts({ "hosts-from": file, "token-file": token }, new KeptIo().io);
  const refusal = async (file: string, token?: string) =>
    await from(file, token).then(
      () => expect.unreachable("it was not refused"),
      (thrown: CtrlExecError) => [thrown.code, thrown.message],
    );

  test("has the hosts of a file, besides those that are typed", async () => {
    using folder = new TestFolder();
    const more = await from(folder.write("hosts", "web-[01-20] db-01 # all of them\n@stale\n"));
    expect(more).toEqual(["web-[01-20]", "db-01", "@stale"]);
    expect(hostChoice(["db-01"], NONE, 7, more)).toEqual({
      hosts: ["db-01", "web-[01-20]", "db-01", "@stale"],
      mayRepeat: true,
      except: [],
      limit: undefined,
      port: 7,
    });
    expect(await from()).toBeUndefined();
    expect(hostChoice(["db-01"], NONE, 7)).not.toHaveProperty("mayRepeat");
  });

  test("that names nobody, or cannot be read, is refused with its line", async () => {
    using folder = new TestFolder();
    const file = folder.write("hosts", "# web-01\n");
    expect(await refusal(file)).toEqual([
      "usage",
      `Cannot take hosts from ${file}: it names no host`,
    ]);
    folder.write("hosts", "web-01\nweb-[1-\n");
    expect(await refusal(file)).toEqual([
      "bad-request",
      `Cannot take hosts from ${file}, line 2: Cannot read the hosts "web-[1-": [ is not closed`,
    ]);
    folder.write("hosts", "a".repeat(65_537));
    expect(await refusal(file)).toEqual([
      "bad-request",
      expect.stringContaining("line 1: Cannot read the hosts: more than 65536 characters"),
    ]);
    folder.write("hosts", "web-01 ".repeat(149_797));
    expect(await refusal(file)).toEqual(["usage", expect.stringContaining("longer than 1 MiB")]);
    expect(await refusal(folder.join("none"))).toEqual([
      "usage",
      `Cannot take hosts from ${folder.join("none")}: no such file or folder`,
    ]);
  });

  test.each([new Uint8Array([0x77, 0xff]), new Uint8Array([0x77, 0])])(
    "%p is not text",
    (bytes) => {
      expect(() => hostsIn(bytes, "it")).toThrow("Cannot take hosts from it: it is not text");
    },
  );

  test("there is one standard input", async () => {
    expect(await refusal("-", "-")).toEqual([
      "usage",
      "--hosts-from - and --token-file - cannot be used together: there is one standard input",
    ]);
  });

  test("T62 with lent rights it is the caller's own", () => {
    using folder = new TestFolder();
    const file = folder.write("hosts", "web-01\n");
    const self = process.getuid?.() ?? 0;
    const kind = { option: "--hosts-from", what: "hosts", holds: "hosts", maxBytes: 100 };
    expect(Buffer.from(readTypedFile(kind, file, self)).toString()).toBe("web-01\n");
    for (const [path, caller] of [
      [file, self + 1],
      ["/proc/self/environ", self],
      [folder.join("none"), self],
    ] as const) {
      expect(() => readTypedFile(kind, path, caller)).toThrow(
        `Cannot use ${path}: there is no plain file of your own at that path`,
      );
    }
  });
});

test.each([
  ["0", "0 is nobody"],
  ["x", '"x" is neither a number of hosts nor a percentage'],
  ["200%", "200% is not between 1% and 100%"],
  ["", '"" is neither a number of hosts nor a percentage'],
])("--limit %j is refused, with what it takes", (limit, why) => {
  expect(() => hostChoice(["a"], { ...NONE, limit }, undefined)).toThrow(
    expect.objectContaining({
      code: "usage",
      message: `--limit does not take "${limit}": ${why}`,
      hint: expect.stringContaining("from 1 on, or 1% to 100%"),
    }),
  );
});
