/**
 * The groups of group_command. The hosts of a request must be known before the auth hook is asked, so anyone who may
 * send a request can cause it to be started: one process at a time then starts it for all who wait, at most once in
 * group_command_cache seconds, and not again for a while after it has failed (T67, T76).
 */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { asCtrlExecError, type CtrlExecError } from "../../core/errors.ts";
import { TERM_GRACE_MS } from "../../system/process/run-process.ts";
import type { HostContext } from "../store/host.ts";
import type { GroupAnswer } from "../store/ports/groups.ts";
import { listedDefinition } from "./definition.ts";
import { askGroupCommand } from "./group-command.ts";
import type { Groups } from "./group-files.ts";

/**
 * How long its failure counts, even if its answers are kept for less. A fault that was corrected should be noticed
 * soon.
 */
const FAILURE_SECONDS = 10;

interface Known {
  readonly answer: GroupAnswer;
  readonly groups: Groups;
}

/** What this process knows, by configuration: a reload forgets it. */
class Memory {
  known: Known | undefined;
  failure: { readonly time: Date; readonly error: CtrlExecError } | undefined;
  /** While the command is being asked. */
  asking: Promise<Known> | undefined;
}

const memories = new WeakMap<ControllerConfig, Memory>();

function memoryOf({ config }: HostContext): Memory {
  const memory = memories.get(config) ?? new Memory();
  memories.set(config, memory);
  return memory;
}

/**
 * None without group_command.
 * @throws CtrlExecError if it has failed
 */
export async function commandGroups(host: HostContext): Promise<Groups> {
  const { config, now } = host;
  const command = config.group_command;
  if (command === undefined) return new Map();
  const memory = memoryOf(host);
  if (memory.known !== undefined && isFresh(memory.known.answer, host)) return memory.known.groups;
  const { failure } = memory;
  if (failure !== undefined && isWithin(FAILURE_SECONDS, failure.time, now())) throw failure.error;
  memory.asking ??= ask(host, command, memory).finally(() => {
    memory.asking = undefined;
  });
  return (await memory.asking).groups;
}

/** The last answer, whatever its age: for suggestions, for which nothing should be started. */
export async function lastCommandGroups(host: HostContext): Promise<Groups> {
  const { group_command: command } = host.config;
  const answer = await host.store.groups.answer();
  return command !== undefined && answer?.command === command ? knownBy(answer).groups : new Map();
}

async function ask(host: HostContext, command: string, memory: Memory): Promise<Known> {
  const { config, now, store } = host;
  try {
    const waitMs = config.group_command_timeout * 1000 + TERM_GRACE_MS + 1000;
    const kept = await store.groups.answer();
    const answer =
      kept !== undefined && isFresh(kept, host)
        ? kept
        : await store.groups.alone(waitMs, async () => {
            // Another process may have asked while this one waited.
            const meanwhile = await store.groups.answer();
            if (meanwhile !== undefined && isFresh(meanwhile, host)) return meanwhile;
            const groups = await askGroupCommand(host, command);
            const asked = { command, time: now(), groups };
            await store.groups.keep(asked);
            return asked;
          });
    memory.known = knownBy(answer);
    memory.failure = undefined;
    return memory.known;
  } catch (thrown) {
    memory.failure = { time: now(), error: asCtrlExecError(thrown) };
    throw thrown;
  }
}

function knownBy(answer: GroupAnswer): Known {
  const definitions = [...answer.groups].map(
    ([name, listed]) => [name, listedDefinition(name, "group_command", listed)] as const,
  );
  return { answer, groups: new Map(definitions) };
}

function isFresh({ command, time }: GroupAnswer, { config, now }: HostContext): boolean {
  return command === config.group_command && isWithin(config.group_command_cache, time, now());
}

/** Not if the clock was set back. */
function isWithin(seconds: number, since: Date, now: Date): boolean {
  const passed = now.getTime() - since.getTime();
  return passed >= 0 && passed < seconds * 1000;
}
