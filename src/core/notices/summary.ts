/** What a notice says to people, in one line. Pure. */
import { counted, firstOf } from "../text.ts";
import type { NoticeNews } from "./news.ts";

type NewsOf<Kind extends NoticeNews["kind"]> = Extract<NoticeNews, { kind: Kind }>;

/** Entries that it names. */
const MOST_NAMED = 3;

/** Not yet bounded. */
export function summaryOf(news: NoticeNews): string {
  switch (news.kind) {
    case "run-failed": {
      const { script, count, hosts } = news;
      return `${script} failed on ${counted(count, "host")}: ${named(hosts.map(hostOf), count)}`;
    }
    case "rollout-stopped": {
      const { script, reason, not_asked: left } = news;
      const rest = `${counted(left, "host")} ${left === 1 ? "was" : "were"} not asked`;
      return `The rollout of ${script} stopped ${reason}; ${rest}`;
    }
    case "upgrade-failed": {
      const { release, count, hosts, reason, not_started: left } = news;
      const states = hosts.map(({ host, state }) => `${host} (${state})`);
      const failed = `failed on ${counted(count, "host")}: ${named(states, count)}`;
      const stopped = reason === null ? "" : `stopped: ${reason}`;
      const rest = `${counted(left, "host")} ${left === 1 ? "was" : "were"} not started`;
      return [
        `The upgrade to ${release} ${count === 0 ? stopped : failed}`,
        ...(reason === null ? [] : [rest]),
      ].join("; ");
    }
    case "certificate-ends":
      return ofCertificates(news);
    case "agent-stale": {
      const hosts = named(news.hosts.map(hostOf), news.count);
      if (news.over) return `Stale no longer: ${hosts}`;
      return `${hosts} missed this host's new certificate and must be paired again`;
    }
    case "lock-held": {
      const { over, count, locks } = news;
      const pairs = named(
        locks.map(({ host, script }) => `${host}:${script}`),
        count,
      );
      if (over) return `Free again: ${pairs}`;
      return `${counted(count, "lock")} held for too long: ${pairs}`;
    }
    case "join-refused": {
      const { count, reasons } = news;
      const why = reasons.map(({ reason, count: of }) => `${of} ${reason}`).join(", ");
      return `${counted(count, "join")} refused: ${why}`;
    }
  }
}

function ofCertificates({ over, days, count, certificates }: NewsOf<"certificate-ends">): string {
  const whose = certificates.map(({ of, host }) => host ?? OWN[of]);
  const all = `certificate${count === 1 ? "" : "s"} of ${named(whose, count)}`;
  if (over) return `About to end no longer: the ${all}`;
  if (days === 0) return `The ${all} ${count === 1 ? "has" : "have"} expired`;
  const when = `within ${counted(days, "day")}`;
  return `The ${all} ${count === 1 ? "ends" : "end"} ${when}`;
}

const OWN = {
  agent: "an agent",
  "control-host": "this control host",
  ca: "the CA",
  api: "the API",
} as const;

function hostOf({ host }: { readonly host: string }): string {
  return host;
}

function named(names: readonly string[], count: number): string {
  return firstOf(names, MOST_NAMED, count);
}
