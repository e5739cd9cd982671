import { knownClocks } from "../../controller/known-clocks.ts";
import { type AgentRecord, readRegistry } from "../../controller/registry.ts";
import { renewalDueAt } from "../../controller/renewal.ts";
import { statusReader } from "../../controller/serial-report.ts";
import { judgeClock } from "../../core/clock.ts";
import type { SerialStatus } from "../../core/rotation.ts";
import { shortSerial } from "../../core/serial.ts";
import { daysBetween, isoSeconds, parseOpensslTime } from "../../core/time.ts";
import { defineVerb } from "../command.ts";
import { renderClocks } from "../render/clock.ts";
import { writeJson } from "../render/json.ts";
import { renderTable } from "../render/table.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { renderProblem } from "./problem-text.ts";
import { openController } from "./setting.ts";

export const listAgents = defineVerb({
  summary: "List the registered hosts",
  positionals: "",
  arity: [0, 0],
  options: { ...commonOptions, json: controllerOptions.json },
  details: [
    "Lists every paired host with its address, when it was paired, when its certificate expires, and",
    "whether it knows this control host's present certificate (see serial-status). A host whose clock",
    "was a minute or more away from this one's in the last day is named; --json has it in seconds, as",
    "clock_offset.",
  ].join("\n"),
  examples: ["ctrl-exec list-agents", "ctrl-exec list-agents --json"],
  async run({ options, io }) {
    const controller = await openController(options);
    const { config, now } = controller;
    const { agents, broken } = readRegistry(config);
    const statusOf = statusReader(controller);
    const clocks = judgeClock(knownClocks(config, agents), now());
    const offsets = new Map(clocks.differ.map(({ host, offset }) => [host, offset]));
    const list = [...agents.values()].map((record) => {
      const json = agentJson(record, statusOf(record), config.cert_days, now());
      return { record, json: { ...json, clock_offset: offsets.get(record.hostname) } };
    });
    if (options.json)
      writeJson(
        io,
        list.map(({ json }) => json),
      );
    else {
      const rows = list.map(({ record: { hostname, ip, paired, expiry }, json }) => {
        return [hostname, ip, paired, expiry, String(json.days_left ?? ""), json.serial_status];
      });
      const header = ["HOSTNAME", "IP", "PAIRED", "CERT EXPIRY", "DAYS LEFT", "SERIAL"];
      io.out(renderTable(header, rows));
    }
    renderClocks(io, clocks);
    for (const { problem } of broken) renderProblem(io, problem);
    return broken.length === 0 ? 0 : 1;
  },
});

/** The first five fields are the manual's, "list-agents". */
interface AgentJson {
  readonly hostname: string;
  readonly ip: string;
  readonly paired_at: string;
  readonly cert_expiry: string;
  readonly serial: string;
  /** Whole days until the certificate ends; null when the record does not say. */
  readonly days_left: number | null;
  /** When the certificate is to be renewed, ISO 8601. */
  readonly renew_due: string;
  readonly serial_status: SerialStatus;
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
  };
}
