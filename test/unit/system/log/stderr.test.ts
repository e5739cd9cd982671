/** Standard error, in a process of its own. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { UnreadPipe } from "../../../support/unread.ts";

const LOG = join(import.meta.dir, "../../../../src/system/log");

const PROGRAM = (code: string) => `
  const { drawStderr, flushStderr, offerStderr, roomOnStderr, writeStderr } = await import("${LOG}/stderr.ts");
  ${code}
  await flushStderr();`;

async function written(code: string): Promise<string> {
  using pipe = new UnreadPipe();
  const child = Bun.spawn([process.execPath, "-e", PROGRAM(code)], {
    stdio: ["ignore", "inherit", pipe.writeEnd],
  });
  const text = await pipe.read();
  await child.exited;
  return text;
}

const ERASE = "\r\u001b[K";

test("a drawn line is drawn over by the next, and by whatever else is written", async () => {
  const text = await written(`
    writeStderr("one\\n");
    drawStderr("1 of 3");
    drawStderr("2 of 3");
    writeStderr("");
    writeStderr(Buffer.from("two\\n"));
    writeStderr("three\\n");
    drawStderr("3 of 3");
    drawStderr("");
    offerStderr("four\\n");`);
  expect(text).toBe(
    `one\n${ERASE}1 of 3${ERASE}2 of 3${ERASE}two\nthree\n${ERASE}3 of 3${ERASE}four\n`,
  );
});

test("T66 what may be lost is lost on a full disk, and said to be; where nobody reads nothing is", () => {
  const offered = (shell: string) => {
    const code = PROGRAM(`console.log(offerStderr("x"));`);
    const child = Bun.spawnSync(["sh", "-c", `exec "$0" -e "$1" ${shell}`, process.execPath, code]);
    return child.stdout.toString();
  };
  expect(offered("2>/dev/full")).toBe("false\n");
  expect(offered("2>/dev/null")).toBe("true\n");
});
