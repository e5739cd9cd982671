import { expect, test } from "bun:test";
import { join } from "node:path";
import { TestFolder } from "../../../support/folder.ts";

const load = (file: string) => JSON.stringify(join(import.meta.dir, "../../../..", file));

/** Its first pass is under way when it is stopped. */
function program(config: string): string {
  return `
    const { startCheckLoop } = await import(${load("src/controller/upkeep/check-loop.ts")});
    const { localController } = await import(${load("test/support/local-pairing.ts")});
    const controller = await localController(${JSON.stringify(config)}, ${JSON.stringify(`state_dir = ${config}.state\n`)});
    startCheckLoop(controller).stop();
  `;
}

test("a check loop that is stopped begins no further pass, and its process can end", async () => {
  using folder = new TestFolder();
  const child = Bun.spawn([process.execPath, "-e", program(folder.join("ctrl-exec.conf"))], {
    stdout: "ignore",
    stderr: "pipe",
    timeout: 30_000,
  });
  expect(await new Response(child.stderr).text()).toBe("");
  expect(await child.exited).toBe(0);
});
