import { describe, expect, test } from "bun:test";
import type * as z from "zod/mini";
import {
  absolutePath,
  bindAddress,
  byteSize,
  commaList,
  flag,
  hostNames,
  keyType,
  oneOf,
  pathList,
  port,
  rateLimit,
  seconds,
  wholeNumber,
} from "../../../../src/core/config/config-fields.ts";

type Row = readonly [
  name: string,
  field: z.ZodMiniType,
  good: readonly (readonly [raw: unknown, value: unknown])[],
  bad: readonly unknown[],
  expected: string,
];

const LIMIT = { limit: 10, window: 60, block: 300 };

const rows: readonly Row[] = [
  [
    "a whole number",
    wholeNumber(1, 10),
    [
      ["1", 1],
      ["10", 10],
      ["007", 7],
      [3, 3],
    ],
    [
      "",
      "0",
      "11",
      "-1",
      "+1",
      "1.5",
      "1e1",
      "0x1",
      "one",
      " 1",
      0,
      11,
      1.5,
      Number.NaN,
      true,
      [1],
    ],
    "expected a whole number from 1 to 10",
  ],
  [
    "a port",
    port,
    [
      ["0", 0],
      [65_535, 65_535],
    ],
    ["65536", -1],
    "expected a whole number from 0",
  ],
  [
    "seconds",
    seconds,
    [
      ["1", 1],
      [2_147_483, 2_147_483],
    ],
    // 2^31 milliseconds and more fire at once.
    ["0", 2_147_484, "315360000"],
    "expected a whole number from 1 to 2147483",
  ],
  [
    "a flag",
    flag,
    [
      ["1", true],
      ["yes", true],
      ["true", true],
      ["on", true],
      [1, true],
      [true, true],
      ["0", false],
      ["no", false],
      ["false", false],
      ["off", false],
      [0, false],
      [false, false],
    ],
    ["", "2", "enabled", "constructor", "__proto__", "toString", 2, [1], ["yes"]],
    "expected yes or no",
  ],
  [
    "an absolute path",
    absolutePath,
    [
      ["/etc/x y", "/etc/x y"],
      ["/", "/"],
    ],
    ["", "x", "./x", "~/x", "/a\0b", 1, true, ["/a"]],
    "expected an absolute path",
  ],
  [
    "a list of paths",
    pathList,
    [
      ["/a:/b/c", ["/a", "/b/c"]],
      ["/a: /b :", ["/a", "/b"]],
      ["/a", ["/a"]],
      [
        ["/a", "/b"],
        ["/a", "/b"],
      ],
    ],
    // An empty list would mean that every folder is fine.
    ["", ":", "a", "/a:b", [], ["/a", "b"], ["/a", 1], 1],
    "expected absolute paths separated by colons",
  ],
  [
    "a list",
    commaList,
    [
      ["192.0.2.0/24, ::1", ["192.0.2.0/24", "::1"]],
      [["192.0.2.0/24"], ["192.0.2.0/24"]],
      ["", []],
    ],
    [1, true, [1]],
    "expected a comma-separated list",
  ],
  [
    "a list of names",
    hostNames,
    [
      ["Api.Example.com, b_1", ["api.example.com", "b_1"]],
      ["api", ["api"]],
      [
        ["A", "b"],
        ["a", "b"],
      ],
    ],
    ["", ",", "a:80, b", "a, b/c", [], ["a", 1], 1],
    "expected host names without ports, separated by commas",
  ],
  [
    "a rate limit",
    rateLimit,
    [
      ["10/60/300", LIMIT],
      [" 10/60/300 ", LIMIT],
    ],
    ["", "10", "10/60", "0/60/300", "10/0/300", "10/60/0", "10/60/300/1", "-1/60/300", 10],
    "expected limit/window/block, such as 10/60/300",
  ],
  [
    "a size",
    byteSize,
    [
      ["65536", 65_536],
      [65_536, 65_536],
      ["64M", 67_108_864],
    ],
    ["", "0", "-1", "64X", "1.5M", 1.5, true, []],
    "expected a size such as 65536, 512K or 64M",
  ],
  [
    "one of a few words",
    oneOf("deny", "allow"),
    [["deny", "deny"]],
    ["", "Deny", "deny ", 1, true, ["deny"]],
    "expected deny or allow",
  ],
  [
    "a key type",
    keyType,
    [
      ["ec", "ec"],
      ["rsa4096", "rsa4096"],
    ],
    ["rsa", "ed25519"],
    "ec or rsa4096",
  ],
  [
    "an address to bind to",
    bindAddress,
    [
      ["127.0.0.1", "127.0.0.1"],
      ["::", "::"],
      ["0.0.0.0", "0.0.0.0"],
      ["fe80::1%eth0", "fe80::1%eth0"],
    ],
    ["", "localhost", "256.0.0.1", "127.1", "[::]", "0.0.0.0:80", 1, true],
    "expected an IP address",
  ],
];

describe.each([...rows])("%s", (_, field, good, bad, expected) => {
  test.each([...good])("%j", (raw, value) => {
    expect(field.safeParse(raw)).toMatchObject({ success: true, data: value });
  });
  test.each(bad.map((raw) => [raw]))("not %j", (raw) => {
    const result = field.safeParse(raw);
    expect(result.success).toBe(false);
    expect(result.error?.issues.map(({ message }) => message).join()).toContain(expected);
  });
});
