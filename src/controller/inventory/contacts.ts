/**
 * Updates agents' records from their answers: which of the controller's serials each trusts, when its
 * certificate ends, and its address.
 */
import { messageOf } from "../../core/errors.ts";
import { canonicalAddress } from "../../core/net/host-name.ts";
import { lacksZone } from "../../core/net/ip-address.ts";
import { DEFAULT_AGENT_PORT } from "../../core/net/socket-address.ts";
import { readSerialLine, type Serial } from "../../core/serial.ts";
import { addDays, isoSeconds, opensslTime, parseOpensslTime } from "../../core/time.ts";
import type { ShownByAgent } from "../fleet/agent-request.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { HostContext } from "../store/host.ts";

/** A host that has answered. */
export interface Contact {
  /** As it was when the host was asked. */
  readonly record: AgentRecord;
  /** The controller's serial under which it accepted the request; undefined if it accepted none. */
  readonly serial: Serial | undefined;
  /** Whether it refused every serial under which it was asked. */
  readonly refused: boolean;
  /** Undefined if the connection already existed: it shows how things were when it was made. */
  readonly shown: ShownByAgent | undefined;
}

/**
 * Records what has changed. Best effort: the next contact finds out again.
 *
 * @param current the controller's current serial
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
  /** It must not count as written before all of it is. */
  const changes = new Map<string, { readonly record: AgentRecord; readonly confirmed: boolean }>();
  if (telling.size === 0) return changed;
  try {
    await store.registry.change((record) => {
      const contact = telling.get(record.hostname);
      if (contact === undefined) return undefined;
      const news = newsIn(record, contact);
      if (Object.keys(news).length === 0) return undefined;
      const learned = { ...record, ...news };
      changes.set(record.hostname, {
        record: learned,
        confirmed: news.serial_status === "current",
      });
      return learned;
    }, telling.keys());
    for (const [hostname, { record, confirmed }] of changes) {
      if (confirmed) log({ event: "serial-confirmed", agent: hostname });
      changed.set(hostname, record);
    }
  } catch (thrown) {
    log({ event: "config-warn", key: "state_dir", msg: messageOf(thrown) });
  }
  return changed;
}

type News = Partial<AgentRecord>;

/**
 * An agent that accepts the current serial has confirmed it; one that accepts an earlier one must still be told; and
 * one that refuses the serial that its record says it knows, such as a host restored from a backup, no longer knows
 * it.
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
 * The end of an agent's certificate decides when it is renewed. It differs from the record if the agent was
 * restored from a backup, or if the answer to a renewal was lost.
 */
function expiryNews(
  record: AgentRecord,
  { record: asked, shown }: Contact,
  certDays: number,
  now: Date,
): News {
  const recorded = parseOpensslTime(record.expiry);
  // Renewed or paired since it was asked: it has shown the previous certificate.
  if (shown === undefined || asked.serial !== record.serial) return {};
  const { notAfter } = shown;
  if (notAfter.getTime() === recorded?.getTime() || notAfter <= now) return {};
  // The beginning of its life is unknown: assume the usual lifetime before its end.
  const begun = addDays(notAfter, -certDays);
  const isEarlier = recorded === undefined || notAfter < recorded;
  const expiry = opensslTime(notAfter);
  if (isEarlier) return { expiry, renewed: "" };
  // A renewal recorded both certificates, this and the previous one, before it sent this one: a revocation does
  // not need the record's serial to find the previous one.
  return { expiry, renewed: isoSeconds(begun < now ? begun : now), serial: shown.serial };
}

/**
 * A host that is called by its name may move to another address. One that is called by its recorded address, or
 * was called at a port that is not its own, has shown nothing about that address; and a link-local address
 * means nothing without its interface.
 */
function addressNews(record: AgentRecord, { record: asked, shown }: Contact): News {
  if (shown === undefined || record.lookup_by === "ip" || asked.ip !== record.ip) return {};
  if (shown.port !== (record.port ?? DEFAULT_AGENT_PORT)) return {};
  if (shown.address === "" || lacksZone(shown.address)) return {};
  return canonicalAddress(shown.address) === canonicalAddress(record.ip)
    ? {}
    : { ip: shown.address };
}
