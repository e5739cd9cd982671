/**
 * A copy of what the registry's records say, in one file, `registry-copy`: with ten thousand hosts, it is read in a
 * fifth of the time. The records remain authoritative: each is in the copy with the version of its file, and if that
 * differs, the record is read. So the copy needs no lock, and can be removed at any time; nobody waits for it to
 * reach the disk, and a copy that is damaged, or that another version of the program has written, is ignored.
 */
import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import { VERSION } from "../../core/version.ts";
import { writeUnsynced } from "../../system/files/files.ts";
import { readPlainFile } from "../../system/files/plain-file.ts";
import { inSlices } from "../../system/in-slices.ts";
import type { AgentRecord } from "./agent-record.ts";

export interface CopiedRecord {
  /** The version of its file (system/files/file-version.ts). */
  readonly version: number;
  readonly record: AgentRecord;
}

type Entry = readonly [host: string, version: number, record: AgentRecord];

/** Records that are read or written before the event loop turns. */
const RECORDS_TOGETHER = 200;

/** Another version may know members of a record that this one does not. */
const KIND = `ctrl-exec ${VERSION} registry 2`;

/** By lower-case host name; empty if there is no copy that can be used. */
export async function readRegistryCopy(path: string): Promise<ReadonlyMap<string, CopiedRecord>> {
  try {
    const { bytes } = readPlainFile(path, { noLink: true });
    const end = bytes.indexOf("\n");
    const lines = bytes.subarray(end + 1);
    if (bytes.toString("utf8", 0, end) !== heading(lines)) return new Map();
    const copied = new Map<string, CopiedRecord>();
    await inSlices(lines.toString("utf8").trimEnd().split("\n"), (line) => {
      // What the heading vouches for is as it was written here.
      const entries = JSON.parse(line) as readonly Entry[];
      for (const [host, version, record] of entries) copied.set(host, { version, record });
    });
    return copied;
  } catch {
    return new Map();
  }
}

/**
 * @param folder of the records
 * @param mode that every one of them has
 * @returns false if it cannot be written
 */
export async function writeRegistryCopy(
  path: string,
  folder: string,
  records: ReadonlyMap<string, CopiedRecord>,
  mode: number,
): Promise<boolean> {
  try {
    accessSync(dirname(path), constants.W_OK);
    const entries = [...records].map(
      ([host, { version, record }]): Entry => [host, version, record],
    );
    const lines: Buffer[] = [];
    await inSlices(pagesOf(entries), (page) => {
      lines.push(Buffer.from(`${JSON.stringify(page)}\n`));
    });
    const all = Buffer.concat(lines);
    const copy = Buffer.concat([Buffer.from(`${heading(all)}\n`), all]);
    writeUnsynced(path, copy, 0o600 | (mode & groupMode(folder, dirname(path))));
    return true;
  } catch {
    return false;
  }
}

function* pagesOf(entries: readonly Entry[]): Generator<readonly Entry[]> {
  for (let from = 0; from < entries.length; from += RECORDS_TOGETHER) {
    yield entries.slice(from, from + RECORDS_TOGETHER);
  }
}

/** The first line, by which a file that a power cut has left half written is recognised. */
function heading(lines: Buffer): string {
  return `${KIND} ${Bun.hash.xxHash3(lines).toString(16)}`;
}

/** A user who may not read the records may not read a copy of them. */
function groupMode(folder: string, copyFolder: string): number {
  const [records, copy] = [statSync(folder), statSync(copyFolder)];
  return records.gid === copy.gid ? records.mode & 0o040 : 0;
}
