/** The last rotation of this host's certificate: which hosts have not confirmed it, and until when that can wait. */

import { failed } from "../../../core/check.ts";
import { type ControllerConfig, configArgument } from "../../../core/config/controller-config.ts";
import { namedHosts } from "../../../core/hosts/fold.ts";
import { pairAgain } from "../../../core/refusal-steps.ts";
import { type SerialStatus, serialStatus } from "../../../core/rotation.ts";
import { addDays, opensslTime } from "../../../core/time.ts";
import type { AgentRecord } from "../../store/agent-record.ts";
import type { HostContext } from "../../store/host.ts";
import { ANY_TIME, loadCredential } from "../../trust/credential.ts";
import { type Finding, passed } from "./finding.ts";

/** This part of the overlap: from then on it is reported that hosts must still be told. */
const LAST_SHARE = 0.25;

const NAME = "rotation";

export async function rotationFindings(
  { config, now, store }: HostContext,
  agents: ReadonlyMap<string, AgentRecord>,
): Promise<Finding[]> {
  if (agents.size === 0) return [passed(NAME, "no host is registered")];
  const [problem] = await store.rotation.problems();
  if (problem !== undefined) return [failed(NAME, problem)];
  const rotation = await store.rotation.read();
  const overlapExpires = rotation.kind === "state" ? rotation.state.overlapExpires : undefined;
  // At any time: an expired one is reported elsewhere.
  const { serial: current } = loadCredential(config, ANY_TIME).certificate;
  const of = (status: SerialStatus) =>
    [...agents.values()].flatMap((record) => {
      const isOne = serialStatus(record, { current, overlapExpires }, now()) === status;
      return isOne ? [record.hostname] : [];
    });
  const stale = of("stale");
  const pending = of("pending");
  return [
    ...(stale.length === 0 ? [] : [staleFinding(config, stale)]),
    ...(pending.length === 0 ? [] : [pendingFinding(config, pending, overlapExpires, now())]),
    ...(stale.length + pending.length > 0 ? [] : [passed(NAME, "every host knows this serial")]),
  ];
}

function staleFinding(config: ControllerConfig, stale: readonly string[]): Finding {
  const detail = `${namedHosts(stale)} missed it for good (stale)`;
  return { name: NAME, ok: false, detail, remedy: `each of them: ${pairAgain(config)}` };
}

function pendingFinding(
  config: ControllerConfig,
  pending: readonly string[],
  end: Date | undefined,
  now: Date,
): Finding {
  const until = end === undefined ? "" : `; the overlap ends ${opensslTime(end)}`;
  const detail = `${namedHosts(pending)} must still be told (pending)${until}`;
  const late = end !== undefined && end < addDays(now, config.cert_overlap_days * LAST_SHARE);
  if (!late) return passed(NAME, detail);
  const maintain = `ctrl-exec maintain${configArgument(config.file)}`;
  return {
    name: NAME,
    ok: false,
    detail,
    remedy: `see that they can be reached, then ${maintain}`,
  };
}
