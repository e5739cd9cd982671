/**
 * The agents' clocks compared with this host's, as seen in their answers: `clocks.json`. It is one file for
 * all, so that a fan-out over thousands of hosts writes only once.
 */
import * as z from "zod/mini";
import { type ClockSighting, differs, hoursSince } from "../../core/clock.ts";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { messageOf } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { lowerAscii } from "../../core/net/host-name.ts";
import { isoSeconds } from "../../core/time.ts";
import { fileVersion } from "../../system/files/file-version.ts";
import { readTextIfPresent, writeWhole } from "../../system/files/files.ts";
import { tryLock } from "../../system/files/lock.ts";
import type { StoreContext } from "./host.ts";
import { lockPath } from "./lock-path.ts";
import { paths } from "./paths.ts";
import { recordFiles } from "./registry.ts";

/** By registered host name. */
const stored = z.record(z.string(), z.object({ offset: z.number(), seen: z.string() }));

/** A change of more than this many seconds is recorded at once. */
const NEWS_SECONDS = 5;

/** Older sightings are worthless and are dropped. */
const KEPT_HOURS = 7 * 24;

/** Cached by configuration: a busy API reads the file of a large fleet once, not for every request. */
const read = new WeakMap<ControllerConfig, { version: string; clocks: readonly ClockSighting[] }>();

/** A file that cannot be used counts as missing, and is written again. */
function readClocks(config: ControllerConfig): readonly ClockSighting[] {
  const version = fileVersion(paths(config).clocks);
  const before = read.get(config);
  if (before?.version === version) return before.clocks;
  const clocks = readFile(config);
  read.set(config, { version, clocks });
  return clocks;
}

function readFile(config: ControllerConfig): readonly ClockSighting[] {
  const found = readJsonAs(stored, readTextIfPresent(paths(config).clocks) ?? "");
  return Object.entries(found ?? {}).flatMap(([host, { offset, seen }]) => {
    const time = new Date(seen);
    return Number.isNaN(time.getTime()) ? [] : [{ host, offset, seen: time }];
  });
}

/** Only those of registered hosts. @param agents by lower-case name */
export function knownClocks(
  config: ControllerConfig,
  agents: ReadonlyMap<string, unknown>,
): readonly ClockSighting[] {
  return readClocks(config).filter(({ host }) => agents.has(lowerAscii(host)));
}

/**
 * Records changes at once and everything else once an hour, and logs clocks that differ. Best effort: the next answer
 * brings it again.
 *
 * @param offsets of the hosts that have answered, by registered name
 */
export function rememberClocks(
  { config, log, now }: StoreContext,
  offsets: ReadonlyMap<string, number>,
): void {
  const time = now();
  try {
    const before = byHost(readClocks(config));
    const news = [...offsets].filter(([host, offset]) => {
      const known = before.get(lowerAscii(host));
      const isDue = known === undefined || hoursSince(known.seen, time) !== 0;
      return isDue || Math.abs(known.offset - offset) > NEWS_SECONDS;
    });
    if (news.length === 0) return;
    using lock = tryLock(lockPath(config, "clocks"));
    if (lock === undefined) return;
    const clocks = byHost(readClocks(config));
    for (const [host, offset] of news) {
      clocks.set(lowerAscii(host), { host, offset, seen: time });
      if (differs({ offset })) log({ event: "clock-differs", agent: host, offset });
    }
    writeClocks(config, [...clocks.values()], time);
  } catch (thrown) {
    log({ event: "config-warn", key: "state_dir", msg: messageOf(thrown) });
  }
}

/** For a host that was unpaired: another may be paired under its name. */
export function forgetClock({ config, log, now }: StoreContext, host: string): void {
  try {
    using lock = tryLock(lockPath(config, "clocks"));
    // The holder of the lock writes only registered hosts.
    if (lock === undefined) return;
    const clocks = byHost(readClocks(config));
    if (clocks.delete(lowerAscii(host))) writeClocks(config, [...clocks.values()], now());
  } catch (thrown) {
    log({ event: "config-warn", key: "state_dir", msg: messageOf(thrown) });
  }
}

/** By the name in lower case: a host that is registered again with other letter case is still the same host. */
function byHost(clocks: readonly ClockSighting[]): Map<string, ClockSighting> {
  return new Map(clocks.map((sighting) => [lowerAscii(sighting.host), sighting]));
}

/**
 * Only those of hosts that are registered now, however long this fan-out took, so that the file stays small
 * (T21).
 */
function writeClocks(
  config: ControllerConfig,
  sightings: readonly ClockSighting[],
  now: Date,
): void {
  const registered = recordFiles(config);
  const kept = sightings
    .filter(({ host }) => registered.has(lowerAscii(host)))
    .filter(({ seen }) => (hoursSince(seen, now) ?? KEPT_HOURS) < KEPT_HOURS)
    .map(({ host, offset, seen }) => [host, { offset, seen: isoSeconds(seen) }] as const);
  writeWhole(paths(config).clocks, `${JSON.stringify(Object.fromEntries(kept))}\n`, 0o640);
}
