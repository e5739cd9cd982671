import { expect, test } from "bun:test";
import { join } from "node:path";
import { UnreadPipe } from "../../../support/unread.ts";

test("T66 lines that are lost are counted, and the count is logged once there is room", async () => {
  using pipe = new UnreadPipe();
  const module = join(import.meta.dir, "../../../../src/system/log/syslog.ts");
  const code = `const { openLog } = await import(${JSON.stringify(module)});
    const log = openLog("ctrl-exec-agent", "stderr");
    for (let port = 0; port < 9000; port++) log({ event: "start", port });
    console.log("logged");`;
  const child = Bun.spawn([process.execPath, "-e", code], {
    stdio: ["ignore", "pipe", pipe.writeEnd],
  });
  const { value } = await child.stdout.getReader().read();
  expect(Buffer.from(value ?? []).toString()).toBe("logged\n");
  const lines = (await pipe.read()).trimEnd().split("\n");
  const [, count = ""] = /ACTION=log-lost COUNT=(\d+)$/.exec(lines.at(-1) ?? "") ?? [];
  expect(Number(count)).toBeGreaterThan(0);
  expect(lines.length - 1 + Number(count)).toBe(9000);
  // In order, without a gap before the end.
  expect(lines[lines.length - 2]).toEndWith(`PORT=${lines.length - 2}`);
});
