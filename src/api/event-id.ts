/**
 * The id of a message in an event stream: how far the stream has come, host by host, so that another one can continue
 * exactly there. A client gives it back in `Last-Event-ID`, and may give anything.
 *
 * For each run, separated by `_`, it has `B` and the number of messages about batches sent so far, if there were any,
 * and a word for each host in the run's order: `R` and the offsets of the next bytes of stdout and stderr, in base
 * 36, for a host that has begun; `O`, `F`, `C`, `N`, `L` for one that has ended: ok, failed, cancelled, never-ran,
 * lost; `W` for one about which nothing was sent. A number after a word says for how many hosts in a row it stands,
 * and the last `W` are omitted, unless nothing would be left. `S` is a run about which everything has been sent.
 */
import type { StreamOffsets } from "../core/run-event.ts";

export type HostPosition =
  | { readonly kind: "waiting" }
  | { readonly kind: "begun"; readonly next: StreamOffsets }
  | { readonly kind: "ended"; readonly outcome: EndOutcome };

export interface RunPosition {
  /** In the order of the run's hosts. */
  readonly hosts: HostPosition[];
  /** How many messages about its batches have been sent. */
  told: number;
  /** Its summary has been sent, too. */
  over: boolean;
}

const LETTERS = { ok: "O", failed: "F", cancelled: "C", "never-ran": "N", lost: "L" } as const;
export type EndOutcome = keyof typeof LETTERS;

const WAITING: HostPosition = { kind: "waiting" };
const NOTHING_SAID = "W";
const OVER = "S";
const BATCHES = "B";
const BETWEEN_RUNS = "_";

/** Up to here, the next byte can still be counted. */
const MAX_OFFSET = 2 ** 52;

/** Characters of the header. Longer ones are not ours. */
const MAX_LENGTH = 8192;

export function isEndOutcome(word: string): word is EndOutcome {
  return Object.hasOwn(LETTERS, word);
}

/** Nothing has been sent about the run. */
export function startOf(hosts: number): RunPosition {
  return { hosts: Array.from({ length: hosts }, () => WAITING), told: 0, over: false };
}

export function eventId(runs: readonly RunPosition[]): string {
  // An empty id would make clients forget theirs.
  return runs.map((run) => (run.over ? OVER : wordsOf(run))).join(BETWEEN_RUNS) || NOTHING_SAID;
}

function wordsOf({ hosts, told }: RunPosition): string {
  const said = hosts.slice(0, hosts.findLastIndex(({ kind }) => kind !== "waiting") + 1);
  let text = told > 0 ? `${BATCHES}${told}` : "";
  let [last, count] = ["", 0];
  const flush = () => {
    text += count > 1 ? `${last}${count}` : last;
  };
  for (const word of said.map(wordOf)) {
    // A number right after offsets would be read as one of their digits.
    if (word === last && !word.startsWith("R")) {
      count += 1;
      continue;
    }
    flush();
    [last, count] = [word, 1];
  }
  flush();
  return text;
}

function wordOf(host: HostPosition): string {
  if (host.kind === "ended") return LETTERS[host.outcome];
  if (host.kind === "waiting") return NOTHING_SAID;
  return `R${host.next.stdout.toString(36)}-${host.next.stderr.toString(36)}`;
}

const TOLD = /^B([1-9]\d{0,5})/;
const WORD = /([WOFCNL])([1-9]\d{0,5})?|R([\da-z]{1,11})-([\da-z]{1,11})/y;

/**
 * Undefined for anything that eventId() has not made for such runs.
 *
 * @param hosts how many hosts each of the runs has
 */
export function readEventId(id: string, hosts: readonly number[]): RunPosition[] | undefined {
  if (id.length > MAX_LENGTH) return undefined;
  const parts = id.split(BETWEEN_RUNS);
  if (parts.length !== hosts.length) return undefined;
  const runs = parts.flatMap((part, index) => readRun(part, hosts[index] ?? 0) ?? []);
  return runs.length === hosts.length ? runs : undefined;
}

function readRun(part: string, total: number): RunPosition | undefined {
  const run = startOf(total);
  if (part === OVER) return { ...run, over: true };
  let host = 0;
  const [word = "", told] = TOLD.exec(part) ?? [];
  if (told !== undefined) run.told = Number(told);
  for (let at = word.length; at < part.length; ) {
    WORD.lastIndex = at;
    const match = WORD.exec(part);
    if (match === null) return undefined;
    at = WORD.lastIndex;
    const [, letter, count = "1", stdout = "", stderr = ""] = match;
    const position = letter === undefined ? begunAt(stdout, stderr) : positionOf(letter);
    const behind = host + Number(count);
    if (position === undefined || behind > total) return undefined;
    run.hosts.fill(position, host, behind);
    host = behind;
  }
  return run;
}

function begunAt(stdout: string, stderr: string): HostPosition | undefined {
  const next = { stdout: Number.parseInt(stdout, 36), stderr: Number.parseInt(stderr, 36) };
  return next.stdout > MAX_OFFSET || next.stderr > MAX_OFFSET ? undefined : { kind: "begun", next };
}

function positionOf(letter: string): HostPosition {
  const [outcome] = Object.entries(LETTERS).find(([, each]) => each === letter) ?? [];
  return outcome !== undefined && isEndOutcome(outcome) ? { kind: "ended", outcome } : WAITING;
}
