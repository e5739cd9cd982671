import type { Contact } from "../../controller/fleet/contact-watch.ts";
import { readLogs } from "../../controller/runs/logs.ts";
import { configArgument } from "../../core/config/controller-config.ts";
import { namedHosts } from "../../core/hosts/fold.ts";
import { OUTPUT_STREAMS, type OutputStream, type RunEvent } from "../../core/run-event.ts";
import { screenLine } from "../../core/text.ts";
import { formatBytes } from "../../core/units.ts";
import { defineVerb } from "../command/command.ts";
import type { Io } from "../command/io.ts";
import { Reader } from "../command/reader.ts";
import { firstSignal, STOP_SIGNALS } from "../command/stop-signals.ts";
import { cancelledText } from "../render/cancelled.ts";
import { ContactNotes } from "../render/contact-notes.ts";
import { liveLines } from "../render/live-lines.ts";
import { type LiveOutput, wholeOutput } from "../render/live-output.ts";
import { rolloutNotes } from "../render/rollout.ts";
import { callerOptions, commonOptions, controllerOptions } from "./options.ts";
import { foundRun, runIdArgument } from "./run-id.ts";
import { cliCaller, openRecords } from "./setting.ts";

const QUEUED = "queued: the script has not started there yet";

export const logs = defineVerb({
  positionals: "<reqid> [<host>]",
  arity: [1, 2],
  options: {
    follow: controllerOptions.follow,
    stderr: controllerOptions.stderr,
    ...callerOptions,
    ...commonOptions,
  },
  details: [
    "Shows what the script of a run has printed so far, from the first byte on: its",
    "stdout on stdout, its stderr on stderr; or with --stderr only its stderr, on",
    "stdout. With several hosts, each line is prefixed with its host's name. --follow",
    "goes on until every script has ended. Ctrl-C stops it; the run continues. Hosts",
    "where the script has not started are named on stderr, with the reason.",
    "",
    "If no process of this host waits for the run, the agent is asked, which keeps",
    "the output for a day; while it is away, what is on this host is shown. Exit",
    "status: 0 when everything could be shown, 1 when something is missing.",
  ].join("\n"),
  examples: [
    "ctrl-exec logs a1b2c3d4e5f60718",
    "ctrl-exec logs a1b2c3d4e5f60718 web-01 --follow",
    "ctrl-exec logs a1b2c3d4e5f60718 web-01 --stderr > errors.txt",
  ],
  async run({ options, positionals: [typed = "", host], io }) {
    const reqid = runIdArgument(typed, "ctrl-exec logs <reqid> [<host>]", options.config);
    const caller = await cliCaller(options, io);
    const controller = await openRecords(options);
    const view = new LogView(io, options.stderr ? ["stderr"] : OUTPUT_STREAMS, options.follow);
    const reader = new Reader(io);
    const leave = new AbortController();
    const onHosts = (hosts: readonly string[]) => view.open(hosts);
    const followed = [reqid, ...(host === undefined ? [] : [host])].join(" ");
    const again = `ctrl-exec logs ${followed}${configArgument(controller.config.file)} --follow`;
    const contacts = new ContactNotes(again);
    const onContact = (from: string, contact: Contact) => io.err(contacts.text(from, contact));
    const { follow } = options;
    const onLook = rolloutNotes(controller.config, (text) => io.err(text));
    const onUnstarted = (from: string, state: "queued" | "not-started", why?: string) =>
      view.unstarted(from, state === "queued" ? QUEUED : `not started: ${why}`);
    const listener = { onHosts, onContact, onLook, onUnstarted };
    const order = { reqid, host, follow, signal: leave.signal, ...listener };
    const hear = reader.heldBack((from: string, event: RunEvent) => view.hear(from, event));
    const told = readLogs(controller, caller, order, (...event) => hear?.(...event));
    const reading = foundRun(told, controller.config);
    const signal = await firstSignal(STOP_SIGNALS, Promise.race([reading, reader.gone]));
    leave.abort();
    const gaps = await reading;
    view.close();
    for (const gap of gaps) {
      io.err(screenLine`ctrl-exec: Cannot show all of ${gap.host}: ${gap.why}\n`);
    }
    return signal ?? (gaps.length === 0 ? 0 : 1);
  },
});

/** One host's bytes as they are, or lines after the hosts' names. */
class LogView {
  readonly #io: Io;
  readonly #streams: readonly OutputStream[];
  #output: LiveOutput | undefined;
  readonly #tellsEnds: boolean;
  /** Hosts where the script has printed nothing because it has not started, by the reason. */
  readonly #unstarted = new Map<string, string[]>();
  #hosts: readonly string[] = [];

  /** @param tellsEnds somebody is waiting for them */
  constructor(io: Io, streams: readonly OutputStream[], tellsEnds: boolean) {
    this.#io = io;
    this.#streams = streams;
    this.#tellsEnds = tellsEnds;
  }

  open(hosts: readonly string[]): void {
    this.#hosts = hosts;
    this.#output = hosts.length === 1 ? wholeOutput(this.#io) : liveLines(this.#io, hosts);
  }

  hear(host: string, event: RunEvent): void {
    if (event.kind === "output" && this.#streams.includes(event.stream)) {
      const shownAs = this.#streams.length === 1 ? "stdout" : event.stream;
      this.#output?.show(host, shownAs, event.bytes);
    } else if (event.kind === "dropped" && this.#streams.includes(event.stream)) {
      const size = formatBytes(event.bytes);
      this.#io.err(screenLine`ctrl-exec: ${host}: ${size} of ${event.stream} dropped\n`);
    } else if (event.kind === "end") {
      this.#end(host);
      const { state, error } = event.end;
      if (state === "never-ran") this.unstarted(host, `never ran: ${error}`);
      if (state === "lost") this.#io.err(screenLine`ctrl-exec: ${host}: lost: ${error ?? ""}\n`);
      if (!this.#tellsEnds || !event.end.cancelled) return;
      this.#io.err(screenLine`ctrl-exec: ${host}: ${cancelledText(event.end)}\n`);
    }
  }

  unstarted(host: string, why: string): void {
    const others = this.#unstarted.get(why);
    if (others === undefined) this.#unstarted.set(why, [host]);
    else others.push(host);
  }

  close(): void {
    for (const host of this.#hosts) this.#end(host);
    for (const [why, hosts] of this.#unstarted) {
      this.#io.err(screenLine`ctrl-exec: ${namedHosts(hosts)}: ${why}\n`);
    }
  }

  /** In a file, one host's output is exact: a line that has not ended is not completed. */
  #end(host: string): void {
    if (this.#hosts.length > 1 || this.#io.outIsTerminal) this.#output?.end(host);
  }
}
