/**
 * What a run would do. The hook is asked about it as about the run itself, and nobody else: no lock is taken, nothing
 * is recorded, no name is looked up and no host is called.
 */
import type { DryRun, DryRunHost } from "../../core/dry-run.ts";
import { readsAsOtherAddress } from "../../core/net/host-name.ts";
import { isIp } from "../../core/net/ip-address.ts";
import { isSendableName } from "../../core/script-name.ts";
import { NOT_PERMITTED } from "../../core/wire/messages/refusal.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizedHosts } from "../access/authorized-hosts.ts";
import type { Controller } from "../control-host.ts";
import { dialProblem } from "../fleet/peer-identity.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import { claimedTags } from "../inventory/claimed-tags.ts";
import { withoutToken } from "./redact.ts";
import { runBody } from "./run-body.ts";
import type { RunOrder } from "./start-run.ts";

/** @throws CtrlExecError as startRun() does until it has asked the hook */
export async function dryRun(
  controller: Controller,
  caller: Caller,
  order: RunOrder,
): Promise<DryRun> {
  const { config, log } = controller;
  const { script, args, reqid, token } = runBody(controller, caller, order);
  const action = { action: "run", script, args } as const;
  const targets = await authorizedHosts(controller, caller, action, order);
  const labels = targets.map(({ label }) => label);
  log({ event: "dry-run", hosts: labels, reqid, script, user: caller.username });
  const claims = await claimedTags(controller, order, targets);
  const isRefused = !isSendableName(script);
  return {
    dry_run: true,
    script: withoutToken(script, token),
    args: args.map((arg) => withoutToken(arg, token)),
    hosts: targets.map((target): DryRunHost => {
      const error = isRefused ? NOT_PERMITTED : dialProblem(target, config)?.message;
      const claimed = claims.get(target);
      return {
        host: target.label,
        registered: target.record !== undefined || target.problem !== undefined,
        address: calledAt(target),
        port: target.port,
        ...(claimed === undefined ? {} : { claimed_tags: claimed }),
        ...(error === undefined ? {} : { error }),
      };
    }),
  };
}

/** As dialAddress() has it, which looks a name up. */
function calledAt({ name, record }: ResolvedTarget): string {
  if (record === undefined || record.ip === "" || isIp(name)) return name;
  return record.lookup_by === "ip" || readsAsOtherAddress(name) ? record.ip : name;
}
