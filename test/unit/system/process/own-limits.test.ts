/** What a caller of lent rights bounds a program by (T62). */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { asUser } from "../../../support/binary.ts";

const CODE = `const { takeOwnLimits } = await import(${JSON.stringify(
  join(import.meta.dir, "../../../../src/system/process/own-limits.ts"),
)});
takeOwnLimits();
console.log(process.umask().toString(8));
console.log(await Bun.file("/proc/self/limits").text());`;

function bounded(...limits: readonly string[]) {
  return boundedAs([], ...limits);
}

function boundedAs(user: readonly string[], ...limits: readonly string[]) {
  const shell = [...limits, 'exec "$@"'].join("; ");
  const program = ["sh", "-ec", shell, "sh", ...user, process.execPath, "-e", CODE];
  const { stdout, stderr } = Bun.spawnSync(program);
  return { out: stdout.toString(), err: stderr.toString() };
}

/** Without the right to exceed a hard limit. */
const ORDINARY = process.getuid?.() === 0 ? asUser(65_534) : [];

test("T62 a soft limit that would cut the work short is lifted, and the umask is a usual one", () => {
  const { out, err } = bounded(
    "ulimit -S -f 1",
    "ulimit -S -t 30",
    "ulimit -S -d 100000000",
    "umask 0",
  );
  expect(out, err).toStartWith("22\n");
  for (const name of ["Max file size", "Max cpu time", "Max data size", "Max address space"]) {
    expect(out).toMatch(new RegExp(`^${name} +unlimited`, "m"));
  }
});

test("T62 a hard limit that keeps a file from being written stops the program, unless it can be lifted", () => {
  const { out, err } = bounded("trap '' XFSZ", "ulimit -f 1");
  if (out === "") expect(err).toContain("ulimit -f allows no file larger than 512 bytes");
  else expect(out).toMatch(/^Max file size +unlimited/m);
});

test("T62 a hard limit that leaves enough stays", () => {
  const { out } = bounded("ulimit -f 1000000");
  expect(out).toMatch(/^Max file size +(unlimited|512000000)/m);
});

/** In blocks of 512 bytes: 64 MiB. */
const ENOUGH = 131_072;

test("T62 who may not exceed a hard limit takes all of it, if that is enough", () => {
  const limits = ["trap '' XFSZ", "ulimit -S -f 1", `ulimit -H -f ${ENOUGH}`];
  const { out, err } = boundedAs(ORDINARY, ...limits);
  expect(out, err).toMatch(/^Max file size +67108864 +67108864/m);
  const less = boundedAs(ORDINARY, "trap '' XFSZ", `ulimit -f ${ENOUGH - 1}`);
  expect(less.out).toBe("");
  expect(less.err).toContain("ulimit -f allows no file larger than 67108352 bytes");
});
