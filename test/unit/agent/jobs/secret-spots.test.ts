import { expect, test } from "bun:test";
import { hideToken, noteSpots } from "../../../../src/agent/jobs/secret-spots.ts";
import { TestFolder } from "../../../support/folder.ts";

test("T27 a note that a full disk has cut does not take the next one with it", () => {
  using folder = new TestFolder();
  const output = folder.join("stdout");
  folder.write("stdout.tokens", "\n3 1");
  expect(noteSpots(output, [{ at: 20, length: 6 }])).toBe(true);
  const bytes = Buffer.from(`${"x".repeat(20)}SECRETx`);
  hideToken(output, bytes, 0);
  expect(bytes.toString()).toEndWith("x[tokenx");
});

test("T27 it is told when it cannot be noted where the token is", () => {
  using folder = new TestFolder();
  expect(noteSpots(folder.join("gone/stdout"), [{ at: 0, length: 6 }])).toBe(false);
});
