/** A release, in a folder or at an address: its papers are judged before anything else of it is read (T36). */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { MAX_SUMS } from "../../core/release/checksums.ts";
import { buildFile } from "../../core/release/platform.ts";
import { MAX_BUILD_BYTES } from "../../core/wire/limits.ts";
import { judgeRelease, type ReleasePapers } from "../../pki/release.ts";
import { fileProblem } from "../../system/files/files.ts";
import { readPlainFile } from "../../system/files/plain-file.ts";
import { getFile } from "../../system/net/get.ts";

export interface OpenRelease {
  readonly version: string;
  readonly papers: ReleasePapers;
  /** The builds that it lists. */
  readonly builds: readonly string[];
  /** The build's file, as it was signed; each is read once. @throws CtrlExecError `not-found`, `untrusted` */
  build(name: string): Promise<Buffer>;
}

/**
 * @param from a folder, or an http or https address
 * @param key the release key
 * @param tellsWhy false where the caller must not learn what is in folders that are not his
 * @throws CtrlExecError `not-found` if it cannot be read, `untrusted` if the key has not signed it
 */
export async function openRelease(
  from: string,
  key: Uint8Array,
  tellsWhy: boolean,
): Promise<OpenRelease> {
  const read = async (name: string, maxBytes: number) => {
    try {
      return await readPart(from, name, maxBytes);
    } catch (thrown) {
      const why = tellsWhy ? `${name}: ${reason(thrown)}` : "it is not a signed release";
      throw new CtrlExecError("not-found", `Cannot read the release in ${from}: ${why}`, {
        cause: thrown,
        hint: "--from takes the folder or the address with its SHA256SUMS, SHA256SUMS.sig and VERSION.",
      });
    }
  };
  const text = async (name: string) => (await read(name, MAX_SUMS)).toString("utf8");
  const [sums, signature, version] = [
    await text("SHA256SUMS"),
    await text("SHA256SUMS.sig"),
    (await text("VERSION")).replace(/\n$/, ""),
  ];
  const papers = { sums, signature, version };
  const judged = judgeRelease(papers, key);
  if (judged.kind === "refused") throw untrusted(from, judged.problem);
  const { sums: files } = judged;
  const known = new Map<string, Promise<Buffer>>();
  return {
    version,
    papers,
    builds: [...files.keys()].flatMap((name) => /^(ctrl-exec-.*)\.gz$/.exec(name)?.[1] ?? []),
    build(name) {
      const asked = known.get(name) ?? readBuild(name);
      known.set(name, asked);
      return asked;
    },
  };

  async function readBuild(name: string): Promise<Buffer> {
    const bytes = await read(buildFile(name), MAX_BUILD_BYTES);
    const sum = createHash("sha256").update(bytes).digest("hex");
    if (sum === files.get(buildFile(name))) return bytes;
    throw untrusted(from, `${buildFile(name)} is not what SHA256SUMS says`);
  }
}

/** Whether a release is fetched from an address; otherwise it is in a folder. */
export function isAddress(from: string): boolean {
  return /^https?:\/\//.test(from);
}

async function readPart(from: string, name: string, maxBytes: number): Promise<Buffer> {
  if (isAddress(from)) {
    return await getFile(new URL(`${from.replace(/\/+$/, "")}/${name}`), maxBytes);
  }
  return readPlainFile(join(from, name), { maxBytes, noProc: true }).bytes;
}

function reason(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown ? fileProblem(thrown) : messageOf(thrown);
}

function untrusted(from: string, problem: string): CtrlExecError {
  return new CtrlExecError("untrusted", `Cannot use the release in ${from}: ${problem}`, {
    hint: "release_key in ctrl-exec.conf must be the key of whoever made it.",
  });
}
