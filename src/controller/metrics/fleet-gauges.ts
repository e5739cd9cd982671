/** What the store knows about the fleet, as numbers: no host is asked, and none is named (T34). */
import { attemptValue } from "../../core/check.ts";
import {
  AGENT_SERIALS,
  CONTACT_AGES,
  CONTROL_GAUGES as M,
} from "../../core/metrics/control-gauges.ts";
import { type Series, series } from "../../core/metrics/metric.ts";
import { parseOpensslTime } from "../../core/time.ts";
import { inSlices } from "../../system/in-slices.ts";
import type { HostContext } from "../store/host.ts";
import { ownEnds } from "../trust/own-ends.ts";
import { statusReader } from "../trust/serial-report.ts";

const HOUR = 3_600_000;
/** In the order of CONTACT_AGES. */
const AGES = [HOUR, 24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR, Number.POSITIVE_INFINITY];

/**
 * What cannot be read is left out, so that its absence shows. Others get their turn in between, however many hosts
 * there are (T69).
 */
export async function fleetGauges(host: HostContext): Promise<readonly Series[]> {
  const parts = [ofAgents, ofOwnCertificates, ofLocks, ofPairing, ofRollouts];
  const found = await Promise.all(parts.map((part) => part(host).catch(() => [])));
  return found.flat();
}

async function ofAgents(host: HostContext): Promise<readonly Series[]> {
  const { store, now } = host;
  const time = now().getTime();
  const names = await store.registry.names();
  const records = await store.registry.records();
  const known = await store.learned.known();
  const statusOf = await statusReader(host);
  const bySerial = new Map<string, number>();
  const byAge = new Map<string, number>();
  let firstEnd = Number.POSITIVE_INFINITY;
  await inSlices(names, (name) => {
    const record = records.get(name);
    const contact = known.get(name)?.contact.getTime();
    const at = contact === undefined ? -1 : AGES.findIndex((age) => time - contact <= age);
    countUp(bySerial, record === undefined ? "unreadable" : statusOf(record));
    countUp(byAge, CONTACT_AGES.at(at) ?? "never");
    const end = parseOpensslTime(record?.expiry ?? "")?.getTime();
    if (end !== undefined) firstEnd = Math.min(firstEnd, end);
  });
  const ends = Number.isFinite(firstEnd)
    ? [series(M.certificateEnds, { of: "agents" }, firstEnd / 1000)]
    : [];
  return [
    ...AGENT_SERIALS.map((serial) => series(M.agents, { serial }, bySerial.get(serial) ?? 0)),
    ...CONTACT_AGES.map((age) => series(M.contacts, { age }, byAge.get(age) ?? 0)),
    ...ends,
  ];
}

function countUp(counts: Map<string, number>, word: string): void {
  counts.set(word, (counts.get(word) ?? 0) + 1);
}

async function ofOwnCertificates({ config }: HostContext): Promise<readonly Series[]> {
  return Object.entries(ownEnds(config)).flatMap(([of, read]) => {
    const end = attemptValue(read).value;
    return end === undefined ? [] : [series(M.certificateEnds, { of }, end.getTime() / 1000)];
  });
}

async function ofLocks({ store }: HostContext): Promise<readonly Series[]> {
  return [series(M.runLocks, {}, (await store.locks.holders()).length)];
}

async function ofPairing({ store }: HostContext): Promise<readonly Series[]> {
  return [series(M.pairingQueue, {}, (await store.pairing.requests()).length)];
}

async function ofRollouts({ store: { rollouts } }: HostContext): Promise<readonly Series[]> {
  const detached = await rollouts.detached();
  const paused = await rollouts.paused();
  return [
    series(M.rollouts, { kind: "detached" }, detached.length),
    series(M.rollouts, { kind: "paused" }, paused.size),
  ];
}
