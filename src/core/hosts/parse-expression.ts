/**
 * Reads host expressions (docs/OPERATIONS.md, "Saying which hosts"). Looks nothing up, so a refusal reveals nothing
 * that was not typed (T76).
 */
import { durationSeconds } from "../duration.ts";
import { CtrlExecError } from "../errors.ts";
import { parseTarget } from "../net/host-name.ts";
import { isRequestId } from "../request-id.ts";
import { nearestMatch } from "../text.ts";
import {
  HOST_OPERATORS,
  type HostExpression,
  type HostOperator,
  type HostTerm,
  type Step,
} from "./expression.ts";
import { readGroupName } from "./group-name.ts";
import { readNodeSet } from "./node-set.ts";
import { readFactTerm } from "./tag-term.ts";

/** Characters of one expression. */
export const MAX_EXPRESSION = 65_536;
/** Patterns with brackets: every name is compared with each (T76). */
const MAX_PATTERNS = 64;
/** Levels of nested parentheses. */
const MAX_DEPTH = 32;

const GRAMMAR_HINT =
  "For example web-[01-20], 'web-*', @all or '@all!db-01'. See: ctrl-exec run --help";

/** What ends a term that is a name. */
const NAME_END = /[,&!()\s]/;

/**
 * `web-[01-20],db-*!@env=test`
 * @throws CtrlExecError `bad-request` if it cannot be read
 */
export function parseHostExpression(text: string): HostExpression {
  if (text.length > MAX_EXPRESSION) {
    throw new CtrlExecError(
      "bad-request",
      `Cannot read the hosts: more than ${MAX_EXPRESSION} characters in one expression`,
    );
  }
  const reader = new ExpressionReader(text);
  return reader.whole();
}

class ExpressionReader {
  readonly #text: string;
  #at = 0;
  /** Where a name or value without quotes last ended, and what it would be with quotes. */
  #unquoted: { readonly end: number; readonly example: string } | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): HostExpression {
    const expression = this.#expression(0);
    if (this.#at < this.#text.length) throw this.#problem(") closes nothing");
    return expression;
  }

  #expression(depth: number): HostExpression {
    const first = this.#term(depth);
    const steps: Step[] = [];
    for (;;) {
      const operator = this.#operator();
      if (operator === undefined) return { kind: "expression", first, steps };
      steps.push({ operator, term: this.#term(depth) });
    }
  }

  /** Undefined at the end, or before a closing parenthesis. */
  #operator(): HostOperator | undefined {
    const before = this.#at;
    this.#skipSpace();
    const next = this.#text[this.#at];
    if (next === undefined || next === ")") return undefined;
    if (!isOperator(next)) {
      const isCut = this.#unquoted?.end === before && this.#at > before;
      const quotes = isCut ? quotesFor(this.#unquoted?.example ?? "") : "";
      throw this.#problem(`expected , & or ! between two hosts${quotes}`);
    }
    this.#at += 1;
    return HOST_OPERATORS[next];
  }

  #term(depth: number): HostTerm {
    this.#skipSpace();
    const rest = this.#text.slice(this.#at);
    if (rest.startsWith("(")) return this.#inParentheses(depth + 1);
    if (rest.startsWith("@@")) return this.#group();
    if (rest.startsWith("@")) return this.#state(rest);
    return this.#names();
  }

  #inParentheses(depth: number): HostExpression {
    if (depth > MAX_DEPTH)
      throw this.#problem(`more than ${MAX_DEPTH} levels of nested parentheses`);
    this.#at += 1;
    const inner = this.#expression(depth);
    if (this.#text[this.#at] !== ")") throw this.#problem("( is not closed");
    this.#at += 1;
    return inner;
  }

  #group(): HostTerm {
    const read = readGroupName(this.#text, this.#at + 2);
    if (read === undefined) {
      throw this.#problem(
        'expected the name of a group after @@, such as @@frontends or @@"web servers"',
      );
    }
    this.#at = read.end;
    if (!/["']$/.test(this.#text.slice(0, read.end))) {
      this.#unquoted = { end: read.end, example: '@@"web servers"' };
    }
    return { kind: "group", name: read.name };
  }

  #state(rest: string): HostTerm {
    const read = readFactTerm(this.#text, this.#at + 1);
    if (typeof read === "string") throw this.#problem(read);
    if (read !== undefined) {
      this.#at = read.end;
      this.#unquoted = { end: read.end, example: '@role="big db"' };
      return read.term;
    }
    const [whole = "", word = "", value = ""] = /^@([a-z]*)([^,&()\s!]*)/.exec(rest) ?? [];
    const term = stateOf(word, value);
    if (term === undefined) throw this.#problem(noState(whole, word, value));
    this.#at += whole.length;
    return term;
  }

  /** A host, a node set or a glob. Brackets may contain commas. */
  #names(): HostTerm {
    const begin = this.#at;
    let depth = 0;
    for (; this.#at < this.#text.length; this.#at += 1) {
      const next = this.#text[this.#at] ?? "";
      if (next === "[") depth += 1;
      else if (next === "]") depth -= 1;
      else if (depth <= 0 && NAME_END.test(next)) break;
    }
    const text = this.#text.slice(begin, this.#at);
    if (text === "") {
      const met = this.#text[this.#at];
      throw this.#problem(
        met === undefined ? "expected a host at the end" : `expected a host before ${met}`,
      );
    }
    return namesOf(text);
  }

  #skipSpace(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at += 1;
  }

  /** @param why about what begins at the current position */
  #problem(why: string): CtrlExecError {
    const where = this.#at === 0 ? "" : ` (character ${this.#at + 1})`;
    const shown = this.#text.length > 200 ? `${this.#text.slice(0, 200)}...` : this.#text;
    return new CtrlExecError("bad-request", `Cannot read the hosts "${shown}": ${why}${where}`, {
      hint: GRAMMAR_HINT,
    });
  }
}

/** A shell removes the quotes that it sees. */
function quotesFor(example: string): string {
  return `; quotes go around spaces, and in a shell around the whole as well: '${example}'`;
}

const STATES: Readonly<Record<string, string>> = {
  all: "@all",
  stale: "@stale",
  expiring: "@expiring=30d",
  failed: "@failed=<reqid>",
  missed: "@missed=<reqid>",
  version: "@version<1.1",
};

const STATE_FORMS = `expected ${Object.values(STATES).join(", ")}, tags such as @env=test and groups such as @@frontends`;

function isOperator(character: string): character is keyof typeof HOST_OPERATORS {
  return Object.hasOwn(HOST_OPERATORS, character);
}

/** Undefined if there is no such word, or it does not take such a value. */
function stateOf(word: string, value: string): HostTerm | undefined {
  if (word === "all" || word === "stale") return value === "" ? { kind: word } : undefined;
  if (!value.startsWith("=")) return undefined;
  const wanted = value.slice(1);
  if (word === "expiring") {
    const seconds = durationSeconds(wanted);
    return seconds === undefined ? undefined : { kind: "expiring", seconds };
  }
  if ((word !== "failed" && word !== "missed") || !isRequestId(wanted)) return undefined;
  return { kind: word, reqid: wanted };
}

/** Why the text that was typed is not a state. */
function noState(whole: string, word: string, value: string): string {
  const given = value.startsWith("=") ? value.slice(1) : "";
  if (word === "ungrouped") {
    return "there is no @ungrouped; all hosts but those of your groups are @all!(@@frontends,@@backends)";
  }
  if (word === "expiring" && /^\d+$/.test(given)) {
    return `${whole} has no unit; write ${whole}d for days, or h, m or s`;
  }
  if ((word === "failed" || word === "missed") && given !== "") {
    return `"${given}" is not the id of a run: 16 hex digits, as list-runs shows them`;
  }
  const [typed = ""] = whole.slice(1).toLowerCase().split(/[=<>]/);
  const near = Object.hasOwn(STATES, word) ? undefined : nearestMatch(typed, Object.keys(STATES));
  const meant = near === undefined ? STATE_FORMS : `did you mean ${STATES[near]}?`;
  return `${whole} has no meaning; ${meant}`;
}

function namesOf(text: string): HostTerm {
  const target = parseTarget(text);
  if (target !== undefined) return { kind: "host", ...target };
  const [, set = "", digits] = /^(.*?)(?::(\d{1,5}))?$/s.exec(text) ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  if (BROKEN_IPV6.test(text)) throw notAHost(text);
  const nodes = readNodeSet(set);
  // For the check, one letter stands for whatever a * stands for.
  const sample = nodes.longest.replaceAll(/[*?]+/g, "x");
  if (parseTarget(sample) === undefined || port === 0 || (port ?? 0) > 65_535) throw notAHost(text);
  if (!set.includes("*") && !set.includes("?")) return { kind: "nodes", set: nodes, port };
  if (nodes.count > MAX_PATTERNS) {
    throw new CtrlExecError(
      "bad-request",
      `Cannot read the hosts "${text}": more than ${MAX_PATTERNS} patterns in one`,
      { hint: GRAMMAR_HINT },
    );
  }
  return { kind: "glob", patterns: nodes.names(), port };
}

/** `[::1`, `[::1]x`: no node set has a colon in its brackets. */
const BROKEN_IPV6 = /^\[[^\]]*:/;

export const ZONE_HINT =
  "Only a link-local address may have % and the name of an interface: fe80::1%eth0.";

/** The hint for a word about which nothing else is known. */
export const HOST_HINT =
  "A host is a name or an address, with a port if needed: web-01:7450, [::1]:7450.";

const TAG_HINT = "A tag is @env=test; '@role=db,env!=test' takes hosts for which both hold.";

function notAHost(text: string): CtrlExecError {
  const hint = text.includes("%") ? ZONE_HINT : text.includes("=") ? TAG_HINT : HOST_HINT;
  return new CtrlExecError("bad-request", `"${text}" is not a host, host:port or address`, {
    hint,
  });
}
