import { expect, test } from "bun:test";
import { selectProgram } from "../src/multicall.ts";

type Case = readonly [calledAs: string, args: string[], program: string, left: string[]];

const cases: readonly Case[] = [
  ["ctrl-exec", ["run", "h", "s"], "ctrl-exec", ["run", "h", "s"]],
  ["/usr/sbin/ctrl-exec", [], "ctrl-exec", []],
  ["ctrl-exec-agent", ["serve"], "ctrl-exec-agent", ["serve"]],
  ["./dist/ctrl-exec-agent", ["serve"], "ctrl-exec-agent", ["serve"]],
  ["/opt/x/ctrl-exec-api", [], "ctrl-exec-api", []],
  ["ctrl-exec", ["agent", "serve"], "ctrl-exec-agent", ["serve"]],
  ["ctrl-exec", ["api", "--config", "f"], "ctrl-exec-api", ["--config", "f"]],
  ["ctrl-exec-shim", [], "ctrl-exec-shim", []],
  ["ctrl-exec", ["shim"], "ctrl-exec", ["shim"]],
  // Only the first argument chooses, and only once.
  ["ctrl-exec", ["run", "agent"], "ctrl-exec", ["run", "agent"]],
  ["ctrl-exec", ["agent", "api"], "ctrl-exec-agent", ["api"]],
  ["ctrl-exec-agent", ["agent"], "ctrl-exec-agent", ["agent"]],
  ["ctrl-exec-agent", ["api"], "ctrl-exec-agent", ["api"]],
  // A renamed download, and what `exec -a` may say.
  ["ctrl-exec-linux-x64", ["agent", "serve"], "ctrl-exec-agent", ["serve"]],
  ["", ["ping"], "ctrl-exec", ["ping"]],
  ["/usr/bin/", ["ping"], "ctrl-exec", ["ping"]],
  ["ctrl-exec-agent/", ["ping"], "ctrl-exec", ["ping"]],
  // Names that every object has.
  ["ctrl-exec", ["constructor"], "ctrl-exec", ["constructor"]],
  ["ctrl-exec", ["__proto__"], "ctrl-exec", ["__proto__"]],
  ["toString", [], "ctrl-exec", []],
];

test.each([...cases])("%p %p is %s %p", (calledAs, args, program, left) => {
  expect(selectProgram(calledAs, args) as unknown).toEqual({ program, args: left });
});
