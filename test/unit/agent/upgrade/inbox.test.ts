import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import { UpgradeInbox } from "../../../../src/agent/upgrade/inbox.ts";
import type { InboxRequest } from "../../../../src/agent/upgrade/inbox-request.ts";
import { TestFolder } from "../../../support/folder.ts";

const BUILD = Buffer.from("the build's bytes");
const ID = "0123456789abcdef";
const NOW = new Date();
const LATER = new Date(NOW.getTime() + 3_600_000);

let folder: TestFolder;
let inbox: UpgradeInbox;
beforeEach(() => {
  folder = new TestFolder();
  inbox = new UpgradeInbox(folder.join("upgrade"));
});
afterEach(() => folder[Symbol.dispose]());

function request(changes: Partial<InboxRequest> = {}): InboxRequest {
  const sha256 = createHash("sha256").update(BUILD).digest("hex");
  const papers = { sums: "sums", signature: "signature", version: "1.2.0" };
  return { reqid: ID, ...papers, size: BUILD.length, sha256, downgrade: false, ...changes };
}

const there = () => readdirSync(folder.join("upgrade")).sort();

test("pieces come, and the whole is handed over", async () => {
  expect(inbox.begin(request(), NOW)).toBe(0);
  expect(inbox.isReceiving).toBe(true);
  expect(inbox.take(ID, 0, BUILD.subarray(0, 5))).toEqual({ kind: "taken", have: 5 });
  expect(await inbox.handOver(ID)).toEqual({ kind: "incomplete", have: 5 });
  expect(inbox.take(ID, 5, BUILD.subarray(5))).toEqual({ kind: "taken", have: BUILD.length });
  expect(inbox.isHandedOver).toBe(false);
  expect(await inbox.handOver(ID)).toEqual({ kind: "handed" });
  expect(inbox.isHandedOver).toBe(true);
  expect(there()).toEqual(["apply", "build.gz", "request.json"]);
  expect(readFileSync(folder.join("upgrade/build.gz"))).toEqual(BUILD);
  expect(JSON.parse(readFileSync(folder.join("upgrade/request.json"), "utf8"))).toEqual(request());
  expect(statSync(folder.join("upgrade")).mode & 0o777).toBe(0o700);
});

test("one that was handed over is left alone until root's part has taken it, or has not for long", async () => {
  inbox.begin(request(), NOW);
  inbox.take(ID, 0, BUILD);
  await inbox.handOver(ID);
  expect(() => inbox.begin(request(), NOW)).toThrow("an upgrade is under way");
  expect(() => inbox.take(ID, 0, BUILD)).toThrow("an upgrade is under way");
  expect(() => new UpgradeInbox(folder.join("upgrade")).begin(request(), NOW)).toThrow("under way");
  expect(inbox.begin(request(), LATER)).toBe(BUILD.length);
  expect(inbox.isHandedOver).toBe(false);
});

test("after a restart it goes on with the same build, and begins again with another", () => {
  inbox.begin(request(), NOW);
  inbox.take(ID, 0, BUILD.subarray(0, 5));
  const next = new UpgradeInbox(folder.join("upgrade"));
  // The hook has not agreed yet, as far as this process knows.
  expect(next.take(ID, 5, BUILD.subarray(5))).toEqual({ kind: "unknown" });
  const other = "f".repeat(16);
  expect(next.begin(request({ reqid: other }), NOW)).toBe(5);
  expect(next.take(ID, 5, BUILD.subarray(5))).toEqual({ kind: "unknown" });
  expect(next.take(other, 5, BUILD.subarray(5))).toEqual({ kind: "taken", have: BUILD.length });
  expect(next.begin(request({ sha256: "0".repeat(64) }), NOW)).toBe(0);
  expect(readFileSync(folder.join("upgrade/build.gz"))).toHaveLength(0);
});

test("T21 nothing comes but what was announced, and in its order", () => {
  expect(inbox.take(ID, 0, BUILD)).toEqual({ kind: "unknown" });
  expect(folder.has("upgrade")).toBe(false);
  inbox.begin(request(), NOW);
  inbox.take(ID, 0, BUILD.subarray(0, 5));
  for (const [offset, piece] of [
    [0, BUILD],
    [4, BUILD.subarray(4)],
    [6, BUILD.subarray(6)],
    [5, Buffer.concat([BUILD.subarray(5), Buffer.of(0)])],
  ] as const) {
    expect(inbox.take(ID, offset, piece)).toEqual({ kind: "misplaced", have: 5 });
  }
  expect(statSync(folder.join("upgrade/build.gz")).size).toBe(5);
});

test("T36 a build that is not the signed one is removed, and never handed over", async () => {
  inbox.begin(request(), NOW);
  inbox.take(ID, 0, Buffer.from(BUILD).reverse());
  expect(await inbox.handOver(ID)).toEqual({ kind: "altered" });
  expect(there()).toEqual(["request.json"]);
  expect(await inbox.handOver(ID)).toEqual({ kind: "incomplete", have: 0 });
});

test("nothing comes while it is being judged", async () => {
  inbox.begin(request(), NOW);
  inbox.take(ID, 0, BUILD);
  const handing = inbox.handOver(ID);
  expect(() => inbox.begin(request(), LATER)).toThrow("an upgrade is under way");
  expect(() => inbox.take(ID, 0, BUILD)).toThrow("an upgrade is under way");
  await handing;
});

test("T13 links in its place are not followed", () => {
  const secret = folder.write("secret", "secret");
  mkdirSync(folder.join("upgrade"), { mode: 0o700 });
  symlinkSync(secret, folder.join("upgrade/build.gz"));
  inbox.begin(request(), NOW);
  rmSync(folder.join("upgrade/build.gz"));
  symlinkSync(secret, folder.join("upgrade/build.gz"));
  expect(() => inbox.take(ID, 0, BUILD)).toThrow("too many symbolic links");
  expect(readFileSync(secret, "utf8")).toBe("secret");
});

test("an upload that nobody goes on with is removed after a day", () => {
  inbox.begin(request(), NOW);
  inbox.take(ID, 0, BUILD.subarray(0, 5));
  inbox.removeLeft(NOW);
  expect(there()).toEqual(["build.gz", "request.json"]);
  const old = new Date(NOW.getTime() - 90_000_000);
  utimesSync(folder.join("upgrade/build.gz"), old, old);
  inbox.removeLeft(NOW);
  expect(there()).toEqual([]);
});
