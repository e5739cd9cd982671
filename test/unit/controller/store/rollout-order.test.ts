/** What a detached rollout waits with: others must not be able to have scripts run with it. */
import { expect, test } from "bun:test";
import { chmodSync, chownSync, linkSync, symlinkSync } from "node:fs";
import { readOrder } from "../../../../src/controller/store/rollout-order.ts";
import { TestFolder } from "../../../support/folder.ts";

const ORDER = {
  ...{ args: ["a"], face: "cli", username: "alice", sourceIp: "127.0.0.1" },
  ...{ hasToken: false, registered: [], mayFail: 0 },
};

function written(folder: TestFolder, mode = 0o600): string {
  const path = folder.write("order", JSON.stringify(ORDER));
  chmodSync(path, mode);
  return path;
}

test("is taken as this program has written it", () => {
  using folder = new TestFolder();
  expect(readOrder(written(folder))).toEqual(ORDER as never);
  expect(readOrder(folder.join("none"))).toBeUndefined();
});

test.each([0o640, 0o604, 0o620, 0o602, 0o666])("T62 not with mode %o", (mode) => {
  using folder = new TestFolder();
  expect(() => readOrder(written(folder, mode))).toThrow("others may read or write it");
});

test("T62 not through a link, nor by a second name", () => {
  using folder = new TestFolder();
  const path = written(folder);
  symlinkSync(path, folder.join("link"));
  expect(() => readOrder(folder.join("link"))).toThrow("Cannot use ");
  linkSync(path, folder.join("other"));
  expect(() => readOrder(path)).toThrow("it has a second name (a hard link)");
});

test("T62 nothing that is no such file", () => {
  using folder = new TestFolder();
  const path = folder.write("order", "{}");
  chmodSync(path, 0o600);
  expect(() => readOrder(path)).toThrow("it is damaged");
  expect(() => readOrder(folder.path)).toThrow("it is a folder");
});

if (process.getuid?.() === 0) {
  test("T62 not if it is another user's", () => {
    using folder = new TestFolder();
    const path = written(folder);
    chownSync(path, 65_534, 65_534);
    expect(() => readOrder(path)).toThrow("it belongs to user 65534");
  });
}
