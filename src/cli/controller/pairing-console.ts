/** The operator's screen of pairing-mode: shows one request at a time, and lists the others. */

import type { Controller } from "../../controller/control-host.ts";
import { approveRequest, denyRequest } from "../../controller/pairing/desk.ts";
import { listRequests } from "../../controller/pairing/queue.ts";
import type { PendingRequest } from "../../controller/store/ports/pairing.ts";
import type { Registered } from "../../controller/store/ports/registry.ts";
import { asCtrlExecError } from "../../core/errors.ts";
import { forOneLine, forTerminal, screenLine } from "../../core/text.ts";
import type { Io } from "../command/io.ts";
import { LineReader } from "../command/prompt.ts";
import { tableFor } from "../render/table.ts";
import { describeApproval, describeRequest, noteOnCode } from "./pairing-text.ts";

const PROMPT = "[a]pprove, [d]eny, [s]kip, [l]ist, [q]uit? ";

const SKIPPED_PROMPT = "Only skipped requests wait. [l]ist, [q]uit? ";
const IDLE_PROMPT = "No request waits. [q]uit? ";

/** The prompt after a request has gone, until the operator has seen that. */
const GO_ON = "Press Enter to go on.";

const LIST = " Type l to list.";

const HELP = `a, d or s decide on the request shown; with a number, such as "a 2", on that one of the list.\n`;

/**
 * Most lines about other requests between two of the operator's own: strangers must not scroll the screen
 * (T21).
 */
const MAX_NOTICES = 10;

export class PairingConsole {
  readonly #controller: Controller;
  readonly #io: Io;
  readonly #lines = new LineReader();
  readonly #skipped = new Set<string>();
  /**
   * If ctrl-exec-api holds the port, a request that was denied here is seen to disappear, and looks as if its agent
   * had left.
   */
  readonly #decidedHere = new Set<string>();
  #shown: PendingRequest | undefined;
  /** The request on the screen is gone, and the operator has not seen another yet. */
  #paused = false;
  /** As last listed: a number means the request that the operator saw, whatever has arrived since. */
  #listed: readonly PendingRequest[] = [];
  #notices = 0;

  constructor(controller: Controller, io: Io) {
    this.#controller = controller;
    this.#io = io;
  }

  /** A request has arrived; it is shown at once if no other is. */
  arrived(request: PendingRequest): void {
    if (this.#shown === undefined && !this.#paused) {
      void this.#showNext();
      return;
    }
    this.#notice(`Also waiting: ${request.hostname} (${request.ip}).${this.#paused ? "" : LIST}`);
  }

  /** If it is still shown, `approve` or `deny` in another window has decided. */
  decided(request: PendingRequest): void {
    this.#decidedHere.delete(request.id);
    if (this.#shown?.id !== request.id) return;
    this.#vanished(`${request.hostname} (${request.ip}) was decided elsewhere.`);
  }

  withdrawn(request: PendingRequest): void {
    this.#gone(request, "went away.");
  }

  pushedOut(request: PendingRequest): void {
    this.#gone(request, "was pushed out of the full queue by newer requests; it has to ask again.");
  }

  #gone({ id, hostname, ip }: PendingRequest, why: string): void {
    if (this.#decidedHere.delete(id)) return;
    const text = `${hostname} (${ip}) ${why}`;
    if (this.#shown?.id === id) this.#vanished(text);
    else this.#notice(text);
  }

  /** About a request that is not the one shown. */
  #notice(text: string): void {
    this.#notices += 1;
    if (this.#notices > MAX_NOTICES) return;
    const last =
      this.#notices === MAX_NOTICES ? `More come and go.${this.#paused ? "" : LIST}\n` : "";
    const prompt = this.#shown === undefined ? "" : PROMPT;
    const due = this.#paused ? `${GO_ON}\n` : prompt;
    this.#io.out(`\n${forOneLine(text)}\n${last}${due}`);
  }

  /**
   * The next request is not shown automatically: a word that the operator is typing for this one must not
   * decide on another.
   */
  #vanished(text: string): void {
    this.#shown = undefined;
    this.#paused = true;
    this.#io.out(`\n${forOneLine(text)} ${GO_ON}\n`);
  }

  /** Resolves when the operator quits or the input ends, as it does when the terminal closes. */
  async run(): Promise<"quit" | "input ended"> {
    for (;;) {
      const line = await this.#lines.next();
      if (line === undefined) return "input ended";
      if (!(await this.#obey(line.trim()))) return "quit";
    }
  }

  close(): void {
    this.#lines.close();
  }

  /** Returns false to quit. */
  async #obey(line: string): Promise<boolean> {
    const [word = "", number] = line.toLowerCase().split(/\s+/);
    this.#paused = false;
    this.#notices = 0;
    if (word === "q" || word === "quit") return false;
    if (word === "l" || word === "list") await this.#list();
    else if (/^(a|approve|d|deny|s|skip)$/.test(word)) await this.#decide(word[0] ?? "", number);
    else if (word !== "") this.#io.out(HELP);
    await this.#showNext(true);
    return true;
  }

  async #decide(word: string, number: string | undefined): Promise<void> {
    const request = this.#pick(number);
    if (request === undefined) {
      this.#io.out(
        number === undefined
          ? "No request is shown.\n"
          : screenLine`There is no request ${number}.\n`,
      );
      return;
    }
    if (this.#shown?.id === request.id) this.#shown = undefined;
    if (word !== "s") this.#decidedHere.add(request.id);
    try {
      if (word === "a")
        this.#io.out(describeApproval(await approveRequest(this.#controller, request.id)));
      else if (word === "d") {
        await denyRequest(this.#controller, request.id);
        this.#io.out(screenLine`Denied ${request.hostname} (${request.ip}).\n`);
      } else {
        this.#skipped.add(request.id);
        this.#io.out(screenLine`Skipped ${request.hostname}; it stays in the list.\n`);
      }
    } catch (thrown) {
      this.#decidedHere.delete(request.id);
      this.#complain(thrown);
    }
  }

  #pick(number: string | undefined): PendingRequest | undefined {
    if (number === undefined) return this.#shown;
    return this.#listed[Number(number) - 1];
  }

  async #list(): Promise<void> {
    this.#listed = await listRequests(this.#controller);
    const rows = this.#listed.map(({ id, hostname, ip, code, received }, index) => [
      String(index + 1),
      id,
      hostname,
      ip,
      code,
      received,
    ]);
    this.#io.out(tableFor(this.#io, ["#", "ID", "HOSTNAME", "IP", "CODE", "RECEIVED"], rows));
    this.#io.out(this.#listed.map(noteOnCode).join(""));
  }

  /** @param again whether to repeat the prompt if no other request is shown */
  async #showNext(again = false): Promise<void> {
    if (this.#shown !== undefined) {
      if (again) this.#io.out(PROMPT);
      return;
    }
    try {
      const waiting = await listRequests(this.#controller);
      const next = waiting.find(({ id }) => !this.#skipped.has(id));
      const known = next && (await this.#controller.store.registry.find(next.hostname));
      // Another one may be on the screen, or just gone from it, by now.
      if (this.#shown !== undefined || this.#paused) return;
      if (next !== undefined) this.#show(next, known);
      else if (again) this.#io.out(waiting.length > 0 ? SKIPPED_PROMPT : IDLE_PROMPT);
    } catch (thrown) {
      // The next request, or Enter, tries again: the others' connections must not end with this one (T20).
      this.#complain(thrown);
    }
  }

  #show(request: PendingRequest, known: Registered | undefined): void {
    this.#shown = request;
    // Lines typed before this request was on the screen cannot be about it.
    this.#lines.drop();
    this.#io.out(`\n${describeRequest(request, known)}${PROMPT}`);
  }

  #complain(thrown: unknown): void {
    const { message, hint } = asCtrlExecError(thrown);
    this.#io.out(`${forOneLine(message)}\n${hint === undefined ? "" : `${forTerminal(hint)}\n`}`);
  }
}
