import { expect, test } from "bun:test";
import { join } from "node:path";
import { ROOT } from "../../../support/documents.ts";

/** In a process of its own, which has no children but these. */
function inProcess(code: string): unknown {
  const program = `const { Stays } = await import("${join(ROOT, "src/agent/shim/stays.ts")}");
    const stays = new Stays();
    const told = [];
    const begin = (name) => Object.assign(stays.begin(), { disturbed: () => told.push(name) });
    const sleep = () => Bun.spawn(["sleep", "300"], { stdio: ["ignore", "ignore", "ignore"] });
    ${code}`;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", program]);
  return JSON.parse(stdout.toString() || JSON.stringify(stderr.toString()));
}

test("a job is alone until another one begins, and is told so once", () => {
  const told = inProcess(`const [one, other] = [begin("one"), begin("other")];
    const both = [one.isAlone, other.isAlone];
    stays.end(one);
    begin("third");
    console.log(JSON.stringify([...both, told]));`);
  expect(told).toEqual([false, false, ["one"]]);
});

test("the next one is alone again, unless an earlier one has left something", () => {
  const told = inProcess(`const one = begin("one");
    const child = sleep();
    const first = one.isAlone;
    stays.end(one);
    const second = begin("second");
    stays.end(second);
    child.kill("SIGKILL");
    await child.exited;
    console.log(JSON.stringify([first, second.isAlone, begin("third").isAlone, told]));`);
  expect(told).toEqual([true, false, true, []]);
});
