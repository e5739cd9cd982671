/** Reloads a service, one request after the other, and tells each caller whether it worked. */
import { join } from "node:path";
import * as z from "zod/mini";
import type { ConfigWarning } from "../core/config/config-file.ts";
import { asCtrlExecError, CtrlExecError, messageOf, systemCode } from "../core/errors.ts";
import type { CommonLog } from "../core/events.ts";
import { readJsonAs } from "../core/json.ts";
import { forOneLine } from "../core/text.ts";
import { fileError } from "../system/files/files.ts";
import { askLocally, listenLocally } from "../system/process/local-socket.ts";
import { defineVerb, type OptionDefs } from "./command/command.ts";

/** Shorter than a service manager waits for a reload. */
const ANSWER_MS = 60_000;

/** Longest text in an answer, which must fit a socket's buffer: every line of a file may be wrong. */
const MAX_TEXT = 8192;

/** The outcome as sent through the socket: one line of JSON. */
const outcome = z.object({
  ok: z.boolean(),
  error: z.optional(z.string()),
  hint: z.optional(z.string()),
  /** What was skipped in the files that were accepted; an earlier version of the service does not report it. */
  notes: z.optional(z.array(z.string())),
});

type Outcome = z.infer<typeof outcome>;

/** systemd sets RUNTIME_DIRECTORY to the unit's RuntimeDirectory; so do our scripts for OpenRC and procd. */
type Environment = Readonly<Record<string, string | undefined>>;

function socketIn(folder: string): string {
  return join(folder, "reload");
}

function runtimeFolder({ RUNTIME_DIRECTORY }: Environment): string | undefined {
  return RUNTIME_DIRECTORY === "" ? undefined : RUNTIME_DIRECTORY?.split(":")[0];
}

/** @returns what was skipped, one line each; it throws if it refuses, and then leaves everything as it was */
export type Reload = () => Promise<readonly string[]>;

export class Reloads {
  readonly #reload: Reload;
  #turn: Promise<unknown>;
  /** Held so that it goes on listening. */
  #listening: { stop(): void } | undefined;

  /**
   * @param ready reloads wait for it; it must not fail
   */
  constructor(ready: Promise<void>, reload: Reload) {
    this.#turn = ready;
    this.#reload = reload;
  }

  /** Whether the new state is in force, and if not, why. */
  ask(): Promise<Outcome> {
    const next = this.#turn.then(async () => {
      try {
        return { ok: true, notes: shortened(await this.#reload()) };
      } catch (thrown) {
        const { message, hint } = asCtrlExecError(thrown);
        return { ok: false, error: message.slice(0, MAX_TEXT), hint };
      }
    });
    this.#turn = next;
    return next;
  }

  stop(): void {
    this.#listening?.stop();
  }

  /** Answers the mode `reload`, if a service manager has made a folder for it. */
  serve(env: Environment, log: CommonLog): void {
    const folder = runtimeFolder(env);
    if (folder === undefined) return;
    try {
      this.#listening = listenLocally(socketIn(folder), async () => {
        return `${JSON.stringify(await this.ask())}\n`;
      });
    } catch (thrown) {
      log({ event: "config-warn", key: "RUNTIME_DIRECTORY", msg: messageOf(thrown) });
    }
  }
}

/** As many as fit. */
function shortened(notes: readonly string[]): string[] {
  let length = 0;
  const fit = notes.filter((note) => {
    length += note.length;
    return length <= MAX_TEXT;
  });
  const more = notes.length - fit.length;
  return more === 0 ? fit : [...fit, `Note: ${more} more in the log, ACTION=config-warn`];
}

/** The mode `reload` of a service. @param name of the program, and of its service */
export function reloadVerb(name: string) {
  return defineVerb({
    positionals: "",
    arity: [0, 0],
    options: {} satisfies OptionDefs,
    details: [
      "systemctl reload runs this. It does what SIGHUP does and waits for the result.",
      "If the service refuses the new files, the old ones stay in force, and reload",
      "ends with 78 and the reason. Anything skipped in files that the service takes,",
      "such as a bad line of scripts.conf, is named on standard error. The service",
      "listens in the folder that $RUNTIME_DIRECTORY names, which service managers set.",
    ].join("\n"),
    examples: [`${name} reload`],
    async run({ io }) {
      const path = socketIn(runtimeFolder(io.env) ?? `/run/${name}`);
      const text = await askLocally(path, "reload", ANSWER_MS).catch((thrown) => {
        throw notAsked(name, path, thrown);
      });
      const answer = readJsonAs(outcome, text);
      if (answer === undefined) {
        const ended = `Cannot reload ${name}: it ended without an answer`;
        throw new CtrlExecError("unreachable", ended, {
          hint: "It was stopped, or it crashed. When it starts, it reads the new files.",
        });
      }
      if (!answer.ok) {
        const stays = "Nothing has changed: what was in force stays in force.";
        const hint = answer.hint === undefined ? stays : `${answer.hint}\n${stays}`;
        throw new CtrlExecError("config", answer.error ?? "Cannot reload", { hint });
      }
      for (const note of answer.notes ?? []) io.err(`${forOneLine(note)}\n`);
      return 0;
    },
  });
}

function notAsked(name: string, path: string, thrown: unknown): CtrlExecError {
  const code = systemCode(thrown);
  if (code === "ENOENT" || code === "ECONNREFUSED") {
    const state = `no service listens on ${path}`;
    return new CtrlExecError("unreachable", `Cannot reload ${name}: ${state}`, {
      hint: "Start it; or, if it was started by hand, send it SIGHUP.",
      cause: thrown,
    });
  }
  if (code === "ETIMEDOUT") {
    return new CtrlExecError("timeout", `Cannot reload ${name}: no answer within a minute`, {
      hint: `It may still take the new files: its log then has ${name === "ctrl-exec-api" ? "ACTION=api-reload" : "ACTION=reload"}, or reload-fail.`,
      cause: thrown,
    });
  }
  return fileError("unreachable", "connect to", path, thrown);
}

type Value = string | number | boolean | undefined;
type Values<Key extends string> = { readonly [Name in Key]?: Value };

/**
 * Of the settings that were changed, those that are read only at the start: an address, a port, or whether there is
 * one.
 *
 * @param started those of the start, which stay in force
 */
export function fixedWarnings<Key extends string>(
  keys: readonly Key[],
  started: Values<Key>,
  wanted: Values<Key>,
): ConfigWarning[] {
  return keys
    .filter((key) => wanted[key] !== started[key])
    .map((key) => ({ key, message: stillAt(started[key]) }));
}

function stillAt(value: Value): string {
  if (typeof value === "boolean") return stillAt(value ? "on" : "off");
  return value === undefined ? "not used until a restart" : `still ${value} until a restart`;
}
