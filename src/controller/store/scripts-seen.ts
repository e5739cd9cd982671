/** The script names last seen on hosts, for completions, from the run records. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { readJsonAs } from "../../core/json.ts";
import { lookupName } from "../../core/net/host-name.ts";
import { isReservedScript } from "../../core/reserved-script.ts";
import { isScriptName } from "../../core/script-name.ts";
import { readText } from "../../system/files/files.ts";
import { paths } from "./paths.ts";

/** Limited, because a person waits at a prompt; the newest records are the relevant ones. */
const MAX_RECORDS = 200;

/** For all records together: a host's answer may be hundreds of MiB (T29). */
const MAX_BYTES = 2 ** 24;

const runRecord = z.looseObject({
  script: z.string(),
  results: z.array(z.looseObject({ host: z.string(), exit: z.optional(z.number()) })),
});

/**
 * @param hosts as typed; empty means all
 * @returns names that ran on one of the hosts, in alphabetical order. Records that cannot be read are left out.
 */
export function scriptsSeen(config: ControllerConfig, hosts: readonly string[]): string[] {
  const wanted = new Set(hosts.map(lookupName));
  const names = new Set<string>();
  for (const file of newestRecords(paths(config).runs)) {
    const record = readRecord(file);
    const ran = record?.results.some(
      ({ host, exit }) =>
        exit !== undefined && exit >= 0 && (wanted.size === 0 || wanted.has(lookupName(host))),
    );
    if (record === undefined || !ran || !isScriptName(record.script)) continue;
    if (!isReservedScript(record.script)) names.add(record.script);
  }
  return [...names].sort();
}

function newestRecords(folder: string): string[] {
  try {
    const files = readdirSync(folder).filter((name) => /^[0-9a-f]{16}\.json$/.test(name));
    let left = MAX_BYTES;
    return files
      .map((name) => {
        const file = join(folder, name);
        const { mtimeMs, size } = statSync(file);
        return { file, mtimeMs, size };
      })
      .sort((a, b) => b.mtimeMs - a.mtimeMs)
      .slice(0, MAX_RECORDS)
      .filter(({ size }) => {
        const fits = size <= left;
        if (fits) left -= size;
        return fits;
      })
      .map(({ file }) => file);
  } catch {
    return [];
  }
}

function readRecord(file: string): z.output<typeof runRecord> | undefined {
  try {
    return readJsonAs(runRecord, readText(file));
  } catch {
    return undefined;
  }
}
