/** Which hosts would be asked, and for what. */
import type { OwnSetting } from "../../core/config/controller-config.ts";
import type { DryRun, DryRunHost } from "../../core/dry-run.ts";
import { hostCount, namedHosts } from "../../core/hosts/fold.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { withNextStep } from "../../core/refusal-steps.ts";
import { shellWord } from "../../core/shell-word.ts";
import { tagText } from "../../core/tags.ts";
import { screenLine } from "../../core/text.ts";
import type { Io } from "../command/io.ts";
import { tableFor } from "./table.ts";
import { pair } from "./tags.ts";
import { unlistedText } from "./unlisted-script.ts";

/** A column that is empty for every host is left out. */
const COLUMNS: readonly { readonly head: string; cell(host: DryRunHost): string }[] = [
  { head: "BATCH", cell: ({ batch = "" }) => `${batch}` },
  { head: "PER-TAG", cell: ({ per_tag = {} }) => pairs(per_tag).join(", ") },
  { head: "HOST", cell: ({ host }) => host },
  { head: "REGISTERED", cell: ({ registered }) => (registered ? "yes" : "no") },
  { head: "ADDRESS", cell: ({ address, port }) => formatHostPort(address, port) },
  { head: "CLAIMED", cell: claimsOf },
];

function pairs(tags: Readonly<Record<string, string | null>>): string[] {
  return Object.entries(tags).map(([key, value]) =>
    value === null ? `no ${tagText(key)}` : pair(key, value),
  );
}

/** `role=db, no env, version 1.0.2` */
function claimsOf({ claimed_tags: tags = {}, claimed_version: version }: DryRunHost): string {
  return [...pairs(tags), ...(version === undefined ? [] : [`version ${tagText(version)}`])].join(
    ", ",
  );
}

export function renderDryRun(
  io: Io,
  { script, args, hosts, unlisted = [] }: DryRun,
  own: OwnSetting,
): void {
  const ordered = hosts.toSorted((a, b) => (a.batch ?? 0) - (b.batch ?? 0));
  const shown = COLUMNS.filter(({ cell }) => hosts.some((host) => cell(host) !== ""));
  io.out(
    tableFor(
      io,
      shown.map(({ head }) => head),
      ordered.map((host) => shown.map(({ cell }) => cell(host))),
    ),
  );
  const batches = new Set(hosts.map(({ batch }) => batch)).size;
  const byError = Map.groupBy(hosts, ({ error }) => error);
  for (const [error, those] of byError) {
    if (error === undefined) continue;
    const names = namedHosts(those.map(({ host }) => host));
    io.err(screenLine`${names} would not be called: ${withNextStep(error, own, script)}\n`);
  }
  for (const each of unlisted) io.err(unlistedText(each, own));
  const asked = byError.get(undefined)?.length ?? 0;
  const count = hostCount(asked);
  const inBatches = batches > 1 ? ` in ${batches} batches` : "";
  const command = [script, ...(args.length > 0 ? ["--", ...args] : [])].map(shellWord).join(" ");
  io.err(
    screenLine`Dry run: ${count} would be asked${inBatches} for ${command}. No host was asked.\n`,
  );
}
