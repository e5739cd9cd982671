import { resolve } from "node:path";
import { isForOthers, type PairingState, pairingState } from "../../agent/pairing/pairing-state.ts";
import {
  type AgentConfig,
  DEFAULT_AGENT_CONFIG,
  parseAgentConfig,
} from "../../core/config/agent-config.ts";
import { type CtrlExecError, inOneLine } from "../../core/errors.ts";
import { forOneLine } from "../../core/text.ts";
import { daysBetween, isoSeconds, opensslTime } from "../../core/time.ts";
import { defineVerb } from "../command/command.ts";
import type { Io } from "../command/io.ts";
import { writeJson } from "../render/json.ts";
import { agentOptions } from "./options.ts";
import { openAgentSetting } from "./setting.ts";

export const pairingStatus = defineVerb({
  positionals: "",
  arity: [0, 0],
  options: { config: agentOptions.config, json: agentOptions.json },
  details: [
    "Exits 0 if this agent is paired and 1 if it is not, for use in scripts. Any user",
    "may ask. Files that the user may not read are named on stderr; where only root",
    "can tell, the answer is unknown, and the exit status 1.",
  ].join("\n"),
  examples: ["ctrl-exec-agent pairing-status", "ctrl-exec-agent pairing-status --json"],
  async run({ options, io }) {
    const { config, unread } = await configAsSeen(options.config);
    const state = pairingState(config);
    const now = new Date();
    const missed = [unread, "unread" in state ? state.unread : undefined];
    const problems = missed.filter((problem) => problem !== undefined);
    if (options.json) writeJson(io, stateJson(state, problems, now));
    else io.out(`${describe(state)}\n`);
    for (const { message } of problems) io.err(`${forOneLine(message)}\n`);
    if (unread !== undefined) io.err(`Looked at the usual certificate instead: ${config.cert}\n`);
    const [hint] = problems.flatMap((problem) => problem.hint ?? []);
    if (hint !== undefined) io.err(`${hint}\n`);
    warnOfEnd(io, state, now);
    return state.paired ? 0 : 1;
  },
});

interface SeenConfig {
  readonly config: AgentConfig;
  /** Why the file could not be read: these are the defaults. */
  readonly unread?: CtrlExecError;
}

/** If the user may not read agent.conf, every default applies: the certificate is then beside it. */
async function configAsSeen(given: string | undefined): Promise<SeenConfig> {
  try {
    return { config: (await openAgentSetting({ config: given }, "defaults")).config };
  } catch (thrown) {
    if (!isForOthers(thrown)) throw thrown;
    const { config } = await parseAgentConfig(resolve(given ?? DEFAULT_AGENT_CONFIG), "");
    return { config, unread: thrown };
  }
}

function describe(state: PairingState): string {
  if ("certificate" in state) {
    return `Paired: yes (cert expires ${opensslTime(state.certificate.notAfter)})`;
  }
  if (state.paired === undefined) return "Paired: unknown";
  return state.paired ? "Paired: yes" : "Paired: no";
}

function stateJson(
  state: PairingState,
  problems: readonly CtrlExecError[],
  now: Date,
): Record<string, unknown> {
  const unread = problems.length === 0 ? {} : { unread: problems.map(inOneLine) };
  if (!("certificate" in state)) return { ok: 1, paired: state.paired ?? null, ...unread };
  const { notAfter, commonName, serial } = state.certificate;
  return {
    ok: 1,
    paired: true,
    hostname: commonName,
    cert_expiry: isoSeconds(notAfter),
    days_left: daysBetween(now, notAfter),
    serial,
    ...unread,
  };
}

function warnOfEnd(io: Io, state: PairingState, now: Date): void {
  if (!("certificate" in state) || daysBetween(now, state.certificate.notAfter) >= 0) return;
  io.err("The certificate has expired: pair this agent again.\n");
}
