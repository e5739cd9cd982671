/** What commands that were killed or forgotten have left behind: leftovers of writes, requests, locks, rollouts. */
import { failed } from "../../../core/check.ts";
import { type ControllerConfig, configArgument } from "../../../core/config/controller-config.ts";
import { resuming } from "../../../core/resuming.ts";
import { counted } from "../../../core/text.ts";
import { addDays } from "../../../core/time.ts";
import { removeDead } from "../../../system/files/temporary-file.ts";
import { openReplies } from "../../control-host.ts";
import { countExpiredRequests, dropExpiredRequests } from "../../pairing/queue.ts";
import type { HostContext } from "../../store/host.ts";
import { countLeftovers } from "../../store/leftovers.ts";
import type { Store } from "../../store/ports.ts";
import { type Finding, looked, passed } from "./finding.ts";

export async function leftFindings(host: HostContext): Promise<Finding[]> {
  const groups = [
    await looked("leftovers", () => leftoverFindings(host)),
    await looked("requests", () => requestFindings(host)),
    await looked("join tokens", () => tokenFindings(host)),
    await looked("locks", () => lockFindings(host)),
    await looked("rollouts", () => rolloutFindings(host)),
  ];
  return groups.flat();
}

function leftoverFindings({ config }: HostContext): Finding[] {
  const name = "leftovers";
  const left = countLeftovers(config);
  if (left.size === 0) return [passed(name, "no killed write has left a file")];
  const detail = `killed writes have left ${counted(sum(left.values()), "file")} in ${[...left.keys()].join(", ")}`;
  return [
    {
      name,
      ok: false,
      detail,
      remedy: fixing(config),
      mend: async () => {
        const removed = sum([...left.keys()].map(removeDead));
        return removed === 0 ? undefined : `removed ${counted(removed, "file")} of killed writes`;
      },
    },
  ];
}

async function requestFindings(host: HostContext): Promise<Finding[]> {
  const name = "requests";
  const over = await countExpiredRequests(host);
  if (over === 0) return [passed(name, "no pairing request has expired")];
  return [
    {
      name,
      ok: false,
      detail: `${counted(over, "pairing request")}, expired or unreadable`,
      remedy: fixing(host.config),
      mend: async () => {
        const dropped = await dropExpiredRequests(host);
        return dropped === 0 ? undefined : `dropped ${counted(dropped, "pairing request")}`;
      },
    },
  ];
}

/** Only an operator knows what becomes of one that cannot be read: it may be of a later version. */
async function tokenFindings({ store }: HostContext): Promise<Finding[]> {
  const { tokens, broken } = await store.joinTokens.all();
  const count = tokens.length + broken.length;
  if (count === 0) return [];
  if (broken.length === 0) return [passed("join tokens", "every one can be read")];
  return broken.map(({ id, problem }) => failed(`join token ${id}`, problem));
}

/** If a run holds its lock for this long, it is worth a look. */
const LONG_DAYS = 1;
/** maintain removes a lock file after a day; an older one shows that nobody maintains. */
const LAPSED_DAYS = 1;
const FORGOTTEN_DAYS = 2;

async function lockFindings({ config, now, store }: HostContext): Promise<Finding[]> {
  const name = "locks";
  const option = configArgument(config.file);
  const found: Finding[] = [];
  const held = await store.locks.holders();
  const long = held.filter(({ since }) => {
    return since !== null && new Date(since) < addDays(now(), -LONG_DAYS);
  });
  for (const { host, script, since, reqid } of long) {
    const which = reqid ?? "<reqid>";
    const remedy = `ctrl-exec status ${which}${option}, and to end it ctrl-exec cancel ${which}${option}`;
    const detail = `${host}:${script} has been held since ${since} by run ${reqid ?? "?"}`;
    found.push({ name, ok: false, detail, remedy });
  }
  const lapsed = await countUnused(store, addDays(now(), -LAPSED_DAYS));
  const isForgotten = (await countUnused(store, addDays(now(), -FORGOTTEN_DAYS))) > 0;
  const unused = `${counted(lapsed, "file")} that nobody has used for a day`;
  if (found.length === 0 || lapsed > 0) {
    found.push({
      name,
      ok: !isForgotten,
      detail: `${held.length} held${lapsed === 0 ? "" : `, ${unused}`}`,
      ...(isForgotten ? { remedy: fixing(config) } : {}),
      ...(lapsed === 0 ? {} : { mend: () => dropLapsed(store) }),
    });
  }
  return found;
}

async function dropLapsed({ locks, rollouts }: Store): Promise<string | undefined> {
  const removed = (await locks.dropUnused()) + (await rollouts.dropUnused());
  return removed === 0
    ? undefined
    : `removed ${counted(removed, "lock file")} that nobody has used for a day`;
}

async function countUnused({ locks, rollouts }: Store, since: Date): Promise<number> {
  return (await locks.countUnused(since)) + (await rollouts.countUnused(since));
}

/**
 * The detached ones. Only the API goes on with them, and it may not be running; those that were begun with a token
 * wait for that, whether it is or not.
 */
async function rolloutFindings(host: HostContext): Promise<Finding[]> {
  const name = "rollouts";
  const { rollouts } = host.store;
  const free: string[] = [];
  for (const reqid of await rollouts.detached()) {
    if (!(await rollouts.isOwned(reqid))) free.push(reqid);
  }
  const forToken = await rollouts.forToken();
  const found = [
    ...(await unattended(
      host,
      free.filter((reqid) => !forToken.has(reqid)),
    )),
    ...(await withoutToken(host, [...forToken])),
  ];
  if (found.length > 0) return found.map((each) => ({ name, ok: false, ...each }));
  return [passed(name, "none waits for a process that goes on with it")];
}

type Fault = Pick<Finding, "detail" | "remedy">;

async function unattended(
  { config, store }: HostContext,
  reqids: readonly string[],
): Promise<Fault[]> {
  const [first] = reqids;
  if (first === undefined) return [];
  const how = (await store.rollouts.isTaker())
    ? "see why ctrl-exec-api, which runs, does not: ACTION=rollout-fail in its log"
    : "start ctrl-exec-api, which goes on with it";
  const detail = `no process goes on with ${reqids.join(", ")}`;
  return [{ detail, remedy: `${how}, or ${ending(config, first)}` }];
}

async function withoutToken(host: HostContext, reqids: readonly string[]): Promise<Fault[]> {
  const [reqid] = reqids;
  if (reqid === undefined) return [];
  const detail = `begun with a token, which is not kept, and waiting for it: ${reqids.join(", ")}`;
  using account = openReplies({ ...host, dialler: undefined });
  const run = await host.store.runs.read(reqid, account);
  const how = run && `${resuming({ ...run, waits_for_token: true }, host.config)}, or `;
  return [{ detail, remedy: `${how ?? ""}${ending(host.config, reqid)}` }];
}

function ending(config: ControllerConfig, reqid: string): string {
  return `ctrl-exec cancel ${reqid}${configArgument(config.file)}`;
}

function fixing({ file }: ControllerConfig): string {
  return `ctrl-exec doctor --fix${configArgument(file)}`;
}

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((total, one) => total + one, 0);
}
