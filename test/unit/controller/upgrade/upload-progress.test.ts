import { expect, test } from "bun:test";
import { UploadProgress } from "../../../../src/controller/upgrade/upload-progress.ts";
import { MAX_PIECE_BYTES } from "../../../../src/core/wire/limits.ts";

const SIZE = 3 * MAX_PIECE_BYTES;

test("each piece once, and each a second time", () => {
  const progress = new UploadProgress(SIZE, 0);
  for (let piece = 1; piece <= 6; piece++) expect(progress.send(0)).toBeUndefined();
});

test("T23 a byte at a time comes to an end", () => {
  const progress = new UploadProgress(SIZE, 0);
  let have = 0;
  while (have < 100 && progress.send(0) === undefined) progress.reach(++have);
  expect(have).toBe(16);
  expect(progress.send(0)).toBe(`it has taken 16 of ${SIZE} bytes after 16 pieces`);
});

test("T23 only more than it ever had counts as having gone on", () => {
  const progress = new UploadProgress(SIZE, 0);
  progress.reach(2);
  const forgotten = [1, 2, 1, 2, 1].map((have) => {
    progress.reach(have);
    return progress.lose();
  });
  expect(forgotten).toEqual([true, true, true, true, true]);
  expect(progress.lose()).toBe(false);
  progress.reach(3);
  expect(progress.lose()).toBe(true);
});

test("T23 its time is over at last", () => {
  const progress = new UploadProgress(SIZE, 1000);
  expect(progress.send(391_000)).toBeUndefined();
  expect(progress.send(391_001)).toBe(`it has taken 0 of ${SIZE} bytes after 7 minutes`);
});
