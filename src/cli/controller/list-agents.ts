import type { AgentAtHub } from "../../controller/fleet/hub-client.ts";
import { hubWays } from "../../controller/inventory/hub-ways.ts";
import type { AgentRecord } from "../../controller/store/agent-record.ts";
import type { KnownHost, LearnedStore } from "../../controller/store/ports/learned.ts";
import { readChosen } from "../../controller/store/ports/registry.ts";
import { renewalDueAt } from "../../controller/trust/renewal-due.ts";
import { statusReader } from "../../controller/trust/serial-report.ts";
import { judgeClock } from "../../core/clock.ts";
import { configArgument } from "../../core/config/controller-config.ts";
import { asCtrlExecError, CtrlExecError } from "../../core/errors.ts";
import { lowerAscii } from "../../core/net/host-name.ts";
import { DEFAULT_AGENT_PORT } from "../../core/net/socket-address.ts";
import type { SerialStatus } from "../../core/rotation.ts";
import { shortSerial } from "../../core/serial.ts";
import { daysBetween, isoDay, isoSeconds, parseIso, parseOpensslTime } from "../../core/time.ts";
import { defineVerb } from "../command/command.ts";
import { renderClocks } from "../render/clock.ts";
import { writeJson } from "../render/json.ts";
import { KNOWN_HEADER, knownCells, knownJson } from "../render/known-host.ts";
import { staleLines } from "../render/stale.ts";
import { renderTable, type TableScreen, tableFor } from "../render/table.ts";
import { wayText } from "../render/way.ts";
import { listedHosts, localHosts } from "./host-options.ts";
import { choiceOptions, commonOptions, controllerOptions } from "./options.ts";
import { renderProblem } from "./problem-text.ts";
import { openController } from "./setting.ts";

export const listAgents = defineVerb({
  positionals: "[<host>...]",
  arity: [0, 100_000],
  options: {
    ...choiceOptions,
    ...commonOptions,
    json: controllerOptions.json,
    wide: controllerOptions.wide,
  },
  details: [
    "Lists every paired host, or those that are named, with its address, the day it",
    "was paired and the day its certificate expires (UTC). Hosts may be expressions,",
    "as in run: 'web-*', @expiring=30d. --wide adds the times of day, the days left,",
    "the port, the serial of the host's certificate, whether the host knows this",
    "control host's current serial (see serial-status), and what it has reported of",
    "itself: its version, and its tags (see tag). LAST REPORT is when it last",
    "answered ping or discovery; what it shows was true then. Hosts whose clocks",
    "differed from this one's by a minute or more in the last day are named. --json",
    "has everything, with clock_offset in seconds. With hubs (hub = on, or hubs) it",
    "says which hosts are connected to one, and since when.",
  ].join("\n"),
  examples: [
    "ctrl-exec list-agents",
    "ctrl-exec list-agents 'web-*' --except web-07",
    "ctrl-exec list-agents --wide",
    "ctrl-exec list-agents --json",
  ],
  async run({ options, positionals, io }) {
    if (options.json && options.wide) {
      throw new CtrlExecError(
        "usage",
        "--wide and --json cannot be used together: --json has every column",
      );
    }
    const more = await listedHosts(options, io);
    const controller = await openController(options);
    const { config, now, store } = controller;
    const only = await localHosts(controller, positionals, options, more, io);
    const { agents, broken } = await readChosen(store.registry, only);
    const statusOf = await statusReader(controller);
    const clocks = judgeClock(await store.clocks.known(agents), now());
    const offsets = new Map(clocks.differ.map(({ host, offset }) => [host, offset]));
    const needsKnown = options.json || options.wide;
    const { known, problem: unread } = needsKnown ? await knownHosts(store.learned) : NOT_ASKED;
    const hubs = await hubWays(
      controller,
      [...agents.values()].map(({ hostname }) => hostname),
    );
    const list = [...agents.values()].map((record): Listed => {
      const told = known.get(lowerAscii(record.hostname));
      const way = hubs.ways.get(record.hostname);
      return { record, told, status: statusOf(record), way };
    });
    if (options.json) {
      const json = list.map(({ record, told, status, way }) => ({
        ...agentJson(record, status, config.cert_days, now()),
        via: way?.hub,
        via_since: way?.since,
        clock_offset: offsets.get(record.hostname),
        ...knownJson(record, told),
      }));
      writeJson(io, json);
    } else {
      const table = options.wide
        ? renderWide(list, now(), hubs.inUse)
        : renderNarrow(io, list, hubs.inUse);
      io.out(table);
      if (list.length === 0 && broken.length === 0) {
        const pairing = `ctrl-exec pairing-mode${configArgument(config.file)}`;
        io.err(`No host is registered. To pair one: ${pairing}\n`);
      }
      const stale = list.filter(({ status }) => status === "stale");
      for (const line of staleLines(
        stale.map(({ record }) => record.hostname),
        config,
      )) {
        io.err(`${line}\n`);
      }
    }
    renderClocks(io, clocks);
    const problems = [...broken.map(({ problem }) => problem), ...unread];
    for (const problem of hubs.problems) renderProblem(io, problem);
    for (const problem of problems) renderProblem(io, problem);
    return problems.length === 0 ? 0 : 1;
  },
});

interface Known {
  readonly known: ReadonlyMap<string, KnownHost>;
  readonly problem: readonly CtrlExecError[];
}

const NOT_ASKED: Known = { known: new Map(), problem: [] };

/** If the hosts' reports cannot be read, the list does without them. */
async function knownHosts(learned: LearnedStore): Promise<Known> {
  const known = await learned.known().catch(asCtrlExecError);
  return known instanceof CtrlExecError
    ? { ...NOT_ASKED, problem: [known] }
    : { known, problem: [] };
}

interface Listed {
  readonly record: AgentRecord;
  readonly told: KnownHost | undefined;
  readonly status: SerialStatus;
  /** Undefined if it is at no hub. */
  readonly way: AgentAtHub | undefined;
}

/** The columns of docs/PROTOCOL.md, section 5. Days, so that a name of 39 characters and any IPv4 address fit 80. */
function renderNarrow(io: TableScreen, list: readonly Listed[], hubs: boolean): string {
  const rows = list.map(({ record, way }) => [
    record.hostname,
    record.ip,
    shownTime(parseIso(record.paired), record.paired, isoDay),
    shownTime(parseOpensslTime(record.expiry), record.expiry, isoDay),
    ...(hubs ? [wayText(way)] : []),
  ]);
  const header = ["HOSTNAME", "IP", "PAIRED", "CERT EXPIRY", ...(hubs ? ["WAY"] : [])];
  return tableFor(io, header, rows);
}

function renderWide(list: readonly Listed[], now: Date, hubs: boolean): string {
  const rows = list.map(({ record, told, status, way }) => {
    const expiry = parseOpensslTime(record.expiry);
    return [
      record.hostname,
      record.ip,
      shownTime(parseIso(record.paired), record.paired, isoSeconds),
      shownTime(expiry, record.expiry, isoSeconds),
      expiry === undefined ? "" : String(daysBetween(now, expiry)),
      String(record.port ?? ""),
      status,
      shortSerial(record.serial),
      ...knownCells(record, told, now),
      ...(hubs ? [wayText(way)] : []),
    ];
  });
  const header = ["HOSTNAME", "IP", "PAIRED", "CERT EXPIRY", "DAYS LEFT", "PORT"];
  const more = ["SERIAL STATUS", "CERT SERIAL", ...KNOWN_HEADER, ...(hubs ? ["WAY"] : [])];
  return renderTable([...header, ...more], rows);
}

/** If a record has something other than a time, it is shown as it is. */
function shownTime(time: Date | undefined, text: string, format: (time: Date) => string): string {
  return time === undefined ? text : format(time);
}

/** docs/OPERATIONS.md, "The registry", has the first five. */
interface AgentJson {
  readonly hostname: string;
  readonly ip: string;
  readonly paired_at: string;
  readonly cert_expiry: string;
  readonly serial: string;
  /** Whole days until the certificate ends; null if the record does not say. */
  readonly days_left: number | null;
  /** When the certificate is due for renewal, ISO 8601. */
  readonly renew_due: string;
  readonly serial_status: SerialStatus;
  /** The port on which it is called. */
  readonly port: number;
}

function agentJson(
  record: AgentRecord,
  status: SerialStatus,
  certDays: number,
  now: Date,
): AgentJson {
  const expiry = parseOpensslTime(record.expiry);
  const due = renewalDueAt(record, certDays);
  return {
    hostname: record.hostname,
    ip: record.ip,
    paired_at: record.paired,
    cert_expiry: expiry === undefined ? "" : isoSeconds(expiry),
    serial: shortSerial(record.serial),
    days_left: expiry === undefined ? null : daysBetween(now, expiry),
    renew_due: due === undefined ? "" : isoSeconds(due),
    serial_status: status,
    port: record.port ?? DEFAULT_AGENT_PORT,
  };
}
