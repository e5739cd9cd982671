/** What holds at this moment, and is worth telling while it does. */
import { attemptValue } from "../../core/check.ts";
import { daysToTell } from "../../core/notices/certificate-days.ts";
import type { Condition } from "../../core/notices/conditions.ts";
import type { EndingCertificate } from "../../core/notices/news.ts";
import { renewalThreshold } from "../../core/rotation.ts";
import { addDays, isoSeconds, parseIso, parseOpensslTime } from "../../core/time.ts";
import { inSlices } from "../../system/in-slices.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { HostContext } from "../store/host.ts";
import { ownEnds } from "../trust/own-ends.ts";
import { renewalDueAt } from "../trust/renewal-due.ts";
import { statusReader } from "../trust/serial-report.ts";

/** What was found of a kind. */
export interface Found {
  readonly found: readonly Condition[];
  /** Those of which nothing could be found out. */
  readonly unseen: readonly string[];
}

export async function certificateConditions(host: HostContext): Promise<Found> {
  const { config, now } = host;
  const own = ownCertificates(host);
  const agents = await ofRecords(host, (record) => {
    const expires = parseOpensslTime(record.expiry);
    if (expires === undefined) return undefined;
    const due = renewalDueAt(record, config.cert_days);
    const subject = { of: "agent", host: record.hostname, expires: isoSeconds(expires) } as const;
    return ending(subject, expires, now(), due);
  });
  return {
    found: [...own.found, ...agents.found],
    unseen: [...own.unseen, ...agents.unseen],
  };
}

export async function staleConditions(host: HostContext): Promise<Found> {
  const statusOf = await statusReader(host);
  return await ofRecords(host, (record) => {
    if (statusOf(record) !== "stale") return undefined;
    const { hostname } = record;
    return {
      kind: "agent-stale",
      about: aboutAgent(hostname),
      which: "",
      subject: { host: hostname },
    };
  });
}

export async function lockConditions({ config, now, store }: HostContext): Promise<Found> {
  const before = now().getTime() - config.lock_notice_after * 1000;
  const unseen: string[] = [];
  const found = (await store.locks.holders()).flatMap((holder): Condition[] => {
    const { host, port, script, reqid } = holder;
    const about = `lock ${host} ${port ?? ""} ${script}`;
    const since = parseIso(holder.since ?? "");
    if (since === undefined) unseen.push(about);
    if (since === undefined || since.getTime() > before) return [];
    const subject = { host, script, reqid, since: isoSeconds(since) };
    return [{ kind: "lock-held", about, which: `${subject.since} ${reqid}`, subject }];
  });
  return { found, unseen };
}

function ownCertificates({ config, now }: HostContext): Found {
  const ends = ownEnds(config);
  const found: Condition[] = [];
  const unseen: string[] = [];
  for (const of of ["ca", "control-host", "api"] as const) {
    const { value: expires, problem } = attemptValue(ends[of]);
    if (problem !== undefined) unseen.push(of);
    if (expires === undefined) continue;
    const due = of === "control-host" ? addDays(expires, -renewalThreshold(config)) : undefined;
    const subject = { of, host: null, expires: isoSeconds(expires) };
    const condition = ending(subject, expires, now(), due);
    if (condition !== undefined) found.push(condition);
  }
  return { found, unseen };
}

function ending(
  subject: EndingCertificate,
  expires: Date,
  now: Date,
  due: Date | undefined,
): Condition | undefined {
  const days = daysToTell(subject.of, expires, now, due);
  if (days === undefined) return undefined;
  const about = subject.host === null ? subject.of : aboutAgent(subject.host);
  return { kind: "certificate-ends", about, which: subject.expires, days, subject };
}

/** Others have their turn meanwhile, however many hosts there are (T69). */
async function ofRecords(
  { store }: HostContext,
  judge: (record: AgentRecord) => Condition | undefined,
): Promise<Found> {
  const names = await store.registry.names();
  const records = await store.registry.records();
  const found: Condition[] = [];
  const unseen: string[] = [];
  await inSlices(names, (name) => {
    const record = records.get(name);
    const condition = record && judge(record);
    if (record === undefined) unseen.push(aboutAgent(name));
    else if (condition !== undefined) found.push(condition);
  });
  return { found, unseen };
}

function aboutAgent(name: string): string {
  return `agent ${name.toLowerCase()}`;
}
