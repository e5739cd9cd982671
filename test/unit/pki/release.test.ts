import { afterAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { parseReleaseKey } from "../../../src/core/release/release-key.ts";
import { judgeRelease, type ReleasePapers } from "../../../src/pki/release.ts";
import { TestFolder } from "../../support/folder.ts";
import { makeRelease, makeReleaseKey, readPapers, sshKeygen } from "../../support/release.ts";

const folder = new TestFolder();
afterAll(() => folder[Symbol.dispose]());
const key = makeReleaseKey(folder);
const raw = parseReleaseKey(key.line) ?? new Uint8Array();
const build = { "ctrl-exec-linux-x64": "a binary" };
const release = makeRelease(folder, "release", "1.2.0", build, key);
const papers = readPapers(release);

/** A list that the key has signed, whatever is in it. */
function signedList(name: string, sums: string, version: string): ReleasePapers {
  const file = folder.write(`${name}/SHA256SUMS`, sums);
  sshKeygen("-q", "-Y", "sign", "-f", key.file, "-n", "ctrl-exec-release", file);
  folder.write(`${name}/VERSION`, version);
  return readPapers(folder.join(name));
}

test("a release that the key has signed", () => {
  const judged = judgeRelease(papers, raw);
  if (judged.kind === "refused") throw new Error(judged.problem);
  expect(judged.version).toBe("1.2.0");
  const names = ["VERSION", "ctrl-exec-linux-x64.gz", "install.sh"];
  expect([...judged.sums.keys()].sort()).toEqual(names);
});

test("ssh-keygen takes and refuses the same", () => {
  const signers = folder.write("signers", `releases ${key.line}\n`);
  const verify = (sums: string) => {
    const args = ["-Y", "verify", "-f", signers, "-I", "releases", "-n", "ctrl-exec-release"];
    const { exitCode } = Bun.spawnSync(["ssh-keygen", ...args, "-s", `${release}/SHA256SUMS.sig`], {
      stdin: Buffer.from(sums),
    });
    return exitCode === 0;
  };
  for (const sums of [papers.sums, `${papers.sums} `, papers.sums.replace("install", "inst-ll")]) {
    expect(judgeRelease({ ...papers, sums }, raw).kind === "signed").toBe(verify(sums));
  }
});

const version = createHash("sha256").update("no version\n").digest("hex");
const other = makeReleaseKey(folder, "other");

test.each([
  ["bad-signature", { ...papers, signature: "" }],
  ["other-key", readPapers(makeRelease(folder, "foreign", "1.2.0", build, other))],
  ["altered", { ...papers, sums: papers.sums.replace(/^./, "0") }],
  ["altered", { ...papers, sums: "" }],
  ["altered", readSwapped()],
  ["bad-sums", signedList("no-list", "hello\n", "1.2.0")],
  ["other-version", { ...papers, version: "9.0.0" }],
  ["other-version", { ...papers, version: "" }],
  ["other-version", signedList("no-version", `${"a".repeat(64)}  install.sh\n`, "1.2.0")],
  ["other-version", signedList("words", `${version}  VERSION\n`, "no version")],
] as const)("T36 refuses by the code %s", (fault, refused) => {
  expect(judgeRelease(refused, raw)).toMatchObject({ kind: "refused", fault });
});

/** The signature of another release of the same key. */
function readSwapped(): ReleasePapers {
  const { signature } = readPapers(makeRelease(folder, "older", "1.1.0", build, key));
  return { ...papers, signature };
}

test("T36 one bit of the signature makes it another", () => {
  const at = papers.signature.length - 60;
  const flipped = papers.signature[at] === "A" ? "B" : "A";
  const signature = papers.signature.slice(0, at) + flipped + papers.signature.slice(at + 1);
  expect(judgeRelease({ ...papers, signature }, raw)).toMatchObject({ fault: "altered" });
});
