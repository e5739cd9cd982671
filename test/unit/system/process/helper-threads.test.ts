import { expect, test } from "bun:test";
import { join } from "node:path";
import { WITHOUT_HELPERS } from "../../../../src/system/process/helper-threads.ts";

const MODULE = join(import.meta.dir, "../../../../src/system/process/helper-threads.ts");

test("T65 a program begins again in the same process, once, with its arguments and environment", () => {
  const code = `const { doWithoutHelperThreads, startWorkerThreads } = await import(${JSON.stringify(MODULE)});
    const told = Object.keys(${JSON.stringify(WITHOUT_HELPERS)}).map((name) => process.env[name] ?? "unset");
    console.log(process.pid, told.join(), process.env.OWN, process.argv.slice(1).join("|"));
    doWithoutHelperThreads(process.env);
    await startWorkerThreads();
    console.log("goes on");`;
  const args = ["a b", "é", ""];
  const child = Bun.spawnSync([process.execPath, "-e", code, ...args], {
    env: { ...process.env, OWN: "ö" },
  });
  const { pid } = child;
  const given = "ö a b|é|";
  const values = Object.values(WITHOUT_HELPERS).join();
  expect(child.stdout.toString().split("\n")).toEqual([
    `${pid} unset,unset,unset,unset ${given}`,
    `${pid} ${values} ${given}`,
    "goes on",
    "",
  ]);
});
