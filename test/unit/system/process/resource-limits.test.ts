import { expect, test } from "bun:test";
import { join } from "node:path";
import { limitIn, readLimit, UNLIMITED } from "../../../../src/system/process/resource-limits.ts";

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max file size             512                  1024                 bytes
Max open files            1024                 unlimited            files
`;

test("limits are read by their names, and are missing where the kernel does not tell", () => {
  expect(limitIn(LIMITS, "cpu time")).toEqual({ soft: UNLIMITED, hard: UNLIMITED });
  expect(limitIn(LIMITS, "file size")).toEqual({ soft: 512n, hard: 1024n });
  expect(limitIn(LIMITS, "open files")).toEqual({ soft: 1024n, hard: UNLIMITED });
  expect(limitIn(LIMITS, "data size")).toBeUndefined();
  expect(limitIn("Max file size 1", "file size")).toBeUndefined();
  expect(UNLIMITED).toBe(0xffff_ffff_ffff_ffffn);
  expect(readLimit("open files")?.soft).toBeGreaterThan(0n);
});

test("a limit that is set is the one of that name, and one that may not be set is told", () => {
  const module = join(import.meta.dir, "../../../../src/system/process/resource-limits.ts");
  const code = `const { readLimit, setLimit } = await import(${JSON.stringify(module)});
    const set = (name, soft, hard) => {
      const { hard: now } = readLimit(name);
      return setLimit(name, { soft, hard: hard ?? now }) && readLimit(name).soft === soft;
    };
    console.log(["cpu time", "file size", "data size", "open files", "address space", "realtime timeout"]
      .map((name) => set(name, 2n ** (name.endsWith("e") ? 45n : 9n))).join());
    console.log(set("cpu time", 2n, 1n));`;
  const { stdout } = Bun.spawnSync([process.execPath, "-e", code]);
  expect(stdout.toString()).toBe("true,true,true,true,true,true\nfalse\n");
});
