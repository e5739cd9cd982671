import { afterAll, expect, test } from "bun:test";
import { parseReleaseKey } from "../../../src/core/release/release-key.ts";
import { judgeUpgrade } from "../../../src/pki/upgrade.ts";
import { TestFolder } from "../../support/folder.ts";
import { makeRelease, makeReleaseKey, readPapers } from "../../support/release.ts";

const folder = new TestFolder();
afterAll(() => folder[Symbol.dispose]());
const line = makeReleaseKey(folder);
const BUILD = "ctrl-exec-linux-x64";
const papers = readPapers(makeRelease(folder, "release", "1.1.0", { [BUILD]: "build" }, line));

function judge(from: string, downgrade = false) {
  const key = parseReleaseKey(line.line) ?? new Uint8Array();
  return judgeUpgrade({ papers, key, build: BUILD, from, downgrade });
}

test.each(["1.0.9", "0.8", "1.1.0-rc.1"])("from %s it goes up", (from) => {
  expect(judge(from)).toMatchObject({ kind: "good", version: "1.1.0" });
});

test.each(["1.1.1", "", "of its own", "1.1.0.0.0.1"])(
  'T36 from "%s" only for whoever wants an older one',
  (from) => {
    const problem = `the release is 1.1.0, and this host has ${from || "no version"}`;
    expect(judge(from)).toEqual({ kind: "refused", fault: "older", problem });
    expect(judge(from, true)).toMatchObject({ kind: "good" });
  },
);

test("T36 not from the same version, whatever is wanted", () => {
  const same = { kind: "refused", fault: "same", problem: "this host has 1.1.0 already" } as const;
  expect([judge("1.1.0"), judge("1.1.0", true)]).toEqual([same, same]);
});
