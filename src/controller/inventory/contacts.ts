/**
 * What agents' answers show, brought into their records: which of the controller's serials each trusts,
 * when its certificate ends, and where it is.
 */
import { messageOf } from "../../core/errors.ts";
import { canonicalAddress } from "../../core/net/host-name.ts";
import { lacksZone } from "../../core/net/ip-address.ts";
import { readSerialLine, type Serial } from "../../core/serial.ts";
import { addDays, isoSeconds, opensslTime, parseOpensslTime } from "../../core/time.ts";
import type { ShownByAgent } from "../fleet/ask-agent.ts";
import { DEFAULT_AGENT_PORT } from "../fleet/targets.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { HostContext } from "../store/host.ts";

/** A host that has answered. */
export interface Contact {
  /** As it was when the host was asked. */
  readonly record: AgentRecord;
  /** The controller's serial under which it took the request; undefined when it took none. */
  readonly serial: Serial | undefined;
  /** Whether it refused every serial that it was asked under. */
  readonly refused: boolean;
  /** Undefined when the connection was there already: it shows what was so when it was made. */
  readonly shown: ShownByAgent | undefined;
}

/**
 * Writes down what is news. Best effort: the next contact finds out again.
 *
 * @param current this controller's serial in force
 * @returns the records that were changed, by host name
 */
export async function rememberContacts(
  { config, log, now, store }: HostContext,
  current: Serial,
  contacts: readonly Contact[],
): Promise<ReadonlyMap<string, AgentRecord>> {
  const time = now();
  const newsIn = (record: AgentRecord, contact: Contact) => ({
    ...serialNews(record, contact, current, time),
    ...expiryNews(record, contact, config.cert_days, time),
    ...addressNews(record, contact),
  });
  const isNews = (contact: Contact) => Object.keys(newsIn(contact.record, contact)).length > 0;
  const telling = new Map(
    contacts.filter(isNews).map((contact) => [contact.record.hostname, contact]),
  );
  const changed = new Map<string, AgentRecord>();
  if (telling.size === 0) return changed;
  try {
    await store.registry.change((record) => {
      const contact = telling.get(record.hostname);
      if (contact === undefined) return undefined;
      const news = newsIn(record, contact);
      if (Object.keys(news).length === 0) return undefined;
      if (news.serial_status === "current") {
        log({ event: "serial-confirmed", agent: record.hostname });
      }
      const learned = { ...record, ...news };
      changed.set(record.hostname, learned);
      return learned;
    });
  } catch (thrown) {
    log({ event: "config-warn", key: "state_dir", msg: messageOf(thrown) });
  }
  return changed;
}

type News = Partial<AgentRecord>;

/**
 * One that takes the serial in force has confirmed it, one that takes an earlier one is still to be told,
 * and one that refuses the serial that its record says it knows, as a host does that was put back from a
 * backup, knows it no more.
 */
function serialNews(
  record: AgentRecord,
  { serial, refused }: Contact,
  current: Serial,
  now: Date,
): News {
  const known = readSerialLine(record.dispatcher_serial);
  if (serial === undefined) {
    return refused && known === current ? { dispatcher_serial: "", serial_status: "pending" } : {};
  }
  const serial_status = serial === current ? "current" : "pending";
  if (known === serial && record.serial_status === serial_status) return {};
  const learned = { dispatcher_serial: serial, serial_status } as const;
  return serial === current ? { ...learned, serial_confirmed: isoSeconds(now) } : learned;
}

/**
 * By the end of its certificate an agent is renewed. It is another one than the record says when the agent
 * was put back from a backup, or when the answer that told of a renewal was lost.
 */
function expiryNews(
  record: AgentRecord,
  { record: asked, shown }: Contact,
  certDays: number,
  now: Date,
): News {
  const recorded = parseOpensslTime(record.expiry);
  // Renewed or paired since it was asked: what it has shown is the certificate before.
  if (shown === undefined || asked.serial !== record.serial) return {};
  const { notAfter } = shown;
  if (notAfter.getTime() === recorded?.getTime() || notAfter <= now) return {};
  // When its life began is not known: with the pairing, or as long before its end as is usual.
  const begun = addDays(notAfter, -certDays);
  const isEarlier = recorded === undefined || notAfter < recorded;
  const expiry = opensslTime(notAfter);
  if (isEarlier) return { expiry, renewed: "" };
  // A renewal had noted both certificates, this and the one before, before it sent this one: no revocation
  // needs the record's serial to find the one before.
  return { expiry, renewed: isoSeconds(begun < now ? begun : now), serial: shown.serial };
}

/**
 * A host that is called by its name takes its address along when it moves. One that is called by its recorded
 * address, or was called at another port than its own, has shown nothing about that address; and one of a
 * link means nothing without its interface.
 */
function addressNews(record: AgentRecord, { record: asked, shown }: Contact): News {
  if (shown === undefined || record.lookup_by === "ip" || asked.ip !== record.ip) return {};
  if (shown.port !== (record.port ?? DEFAULT_AGENT_PORT)) return {};
  if (shown.address === "" || lacksZone(shown.address)) return {};
  return canonicalAddress(shown.address) === canonicalAddress(record.ip)
    ? {}
    : { ip: shown.address };
}
