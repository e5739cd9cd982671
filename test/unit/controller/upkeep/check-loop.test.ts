import { expect, test } from "bun:test";
import { join } from "node:path";
import { TestFolder } from "../../../support/folder.ts";

const load = (file: string) => JSON.stringify(join(import.meta.dir, "../../../..", file));

/** @param stop statements that stop `loop` at the moment in question */
function program(config: string, stop: string): string {
  const settings = `state_dir = ${config}.state\ncert_check_interval = 3600\n`;
  return `
    const scheduled = Promise.withResolvers();
    const { setTimeout: start } = globalThis;
    globalThis.setTimeout = (act, ms, ...rest) => {
      if (ms === 3600_000) scheduled.resolve();
      return start(act, ms, ...rest);
    };
    const { startCheckLoop } = await import(${load("src/controller/upkeep/check-loop.ts")});
    const { localController } = await import(${load("test/support/local-pairing.ts")});
    const controller = await localController(${JSON.stringify(config)}, ${JSON.stringify(settings)});
    const loop = startCheckLoop(controller);
    ${stop}
  `;
}

async function endsWith(stop: string): Promise<void> {
  using folder = new TestFolder();
  const child = Bun.spawn([process.execPath, "-e", program(folder.join("ctrl-exec.conf"), stop)], {
    stdout: "ignore",
    stderr: "pipe",
    timeout: 30_000,
  });
  expect(await new Response(child.stderr).text()).toBe("");
  expect(await child.exited).toBe(0);
}

test("a check loop that is stopped in a pass begins no further one, and its process can end", async () => {
  await endsWith("loop.stop();");
});

test("a check loop that is stopped between two passes begins no further one, and its process can end", async () => {
  await endsWith("await scheduled.promise; loop.stop();");
});
