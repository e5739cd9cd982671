/** The hosts of a command line: its words, and the options that add to them or narrow them. */
import { registeredHosts } from "../../controller/access/registered-hosts.ts";
import type { Controller } from "../../controller/control-host.ts";
import { type HostChoice, noteInOneLine } from "../../controller/fleet/host-choice.ts";
import { asCtrlExecError, CtrlExecError } from "../../core/errors.ts";
import { listedExpressions } from "../../core/hosts/expression-list.ts";
import { parseHostExpression } from "../../core/hosts/parse-expression.ts";
import { parseSampleSize, sizeProblem } from "../../core/hosts/sample-size.ts";
import { decodeText, screenLine } from "../../core/text.ts";
import { callers } from "../command/callers.ts";
import type { Io } from "../command/io.ts";
import {
  INPUT,
  readInput,
  readTypedFile,
  type TypedFile,
  unusable,
} from "../command/typed-file.ts";
import { cliCaller } from "./setting.ts";

export interface HostOptions {
  readonly except: string | undefined;
  readonly limit: string | undefined;
}

/**
 * @param port the port of the call itself
 * @param more the hosts of --hosts-from, if it is given
 * @throws CtrlExecError `usage`
 */
export function hostChoice(
  hosts: readonly string[],
  { except, limit }: HostOptions,
  port: number | undefined,
  more?: readonly string[],
): HostChoice {
  const size = limit === undefined ? undefined : parseSampleSize(limit);
  if (limit !== undefined && size === undefined) {
    throw new CtrlExecError("usage", `--limit does not take "${limit}": ${sizeProblem(limit)}`, {
      hint: "It takes a number of hosts from 1 on, or 1% to 100% of them: --limit 10, --limit 10%.",
    });
  }
  return {
    hosts: [...hosts, ...(more ?? [])],
    ...(more === undefined ? {} : { mayRepeat: true }),
    except: except === undefined ? [] : [except],
    limit: size,
    port,
  };
}

/**
 * The registered hosts that a command line selects, for modes that only read the registry: no host is called.
 * Undefined if it names none. If a run is named, the hook is asked as for `status` without options.
 *
 * @throws as registeredHosts()
 */
export async function localHosts(
  controller: Controller,
  hosts: readonly string[],
  options: HostOptions,
  more: readonly string[] | undefined,
  io: Io,
): Promise<ReadonlySet<string> | undefined> {
  const caller = await cliCaller(
    { username: undefined, token: undefined, "token-file": undefined },
    io,
  );
  return await registeredHosts(controller, caller, {
    ...hostChoice(hosts, options, undefined, more),
    ...sayNotes(io),
  });
}

/**
 * Says what may be a slip in the choice of hosts.
 *
 * @param warnings are added for --json
 */
export function sayNotes(io: Io, warnings: string[] = []): Pick<HostChoice, "onNote"> {
  return {
    onNote: (note) => {
      warnings.push(noteInOneLine(note));
      io.err(screenLine`${note.text}\n`);
      for (const line of note.hint?.split("\n") ?? []) io.err(screenLine`${line}\n`);
    },
  };
}

export interface HostsFrom {
  readonly "hosts-from": string | undefined;
  readonly "token-file"?: string | undefined;
}

const HOSTS_FILE: TypedFile = {
  option: "--hosts-from",
  what: "hosts",
  holds: "a file of host expressions, in words or lines",
  maxBytes: 1_048_576,
};

/**
 * The expressions of `--hosts-from`; undefined without it. A file without any is refused: whatever should have
 * written it has failed.
 *
 * @throws CtrlExecError `usage`, also for a file that cannot be used; `bad-request` for contents that cannot be read
 */
export async function listedHosts(
  { "hosts-from": file, "token-file": tokenFile }: HostsFrom,
  io: Io,
): Promise<readonly string[] | undefined> {
  if (file === undefined) return undefined;
  if (file === "-" && tokenFile === "-") {
    throw new CtrlExecError(
      "usage",
      "--hosts-from - and --token-file - cannot be used together: there is one standard input",
      { hint: "Put the hosts into a file, or the token." },
    );
  }
  if (file !== "-") return hostsIn(readTypedFile(HOSTS_FILE, file, callers().id), file);
  if (io.inIsTerminal) io.err("Type hosts, and Ctrl-D to end.\n");
  return hostsIn(await readInput(HOSTS_FILE), INPUT);
}

/** The expressions that are listed in a file. @throws as listedHosts() */
export function hostsIn(bytes: Uint8Array, from: string): readonly string[] {
  const { text, exact } = decodeText(bytes);
  if (!exact || text.includes("\0")) throw unusable(HOSTS_FILE, from, "it is not text");
  const listed = listedExpressions(text);
  if (listed.length === 0) throw unusable(HOSTS_FILE, from, "it names no host");
  for (const { text: expression, line } of listed) {
    try {
      parseHostExpression(expression);
    } catch (thrown) {
      const { code, message, hint } = asCtrlExecError(thrown);
      throw new CtrlExecError(
        code,
        `Cannot take hosts from ${from}, line ${line}: ${message}`,
        hint === undefined ? {} : { hint },
      );
    }
  }
  return listed.map(({ text: expression }) => expression);
}
