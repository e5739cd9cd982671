/** What a registry of ten thousand hosts costs before anybody is called: whole commands. */
import { number, times, withSpread } from "../figures.ts";
import { hostName } from "../hosts.ts";
import { inTurns, type Subject, timeCommand } from "../process.ts";
import type { Aim, SectionResult } from "../result.ts";
import type { Stage } from "../stage.ts";

const REGISTERED = 10_000;
const RACKS = 100;
const TURNS = { rounds: 11, budgetMs: 10_000 };

const EMPTY = "an empty compiled Bun program";
const NAME = "run --dry-run, one host by its name";
const TAG = "run --dry-run, the hosts of a tag";
const LIST = "list-agents";

export async function registry(stage: Stage): Promise<SectionResult> {
  const config = stage.fleet.controlHost(REGISTERED, [`max_hosts = ${REGISTERED}`], (index) => ({
    rack: `${index % RACKS}`,
  }));
  const command = (name: string, argv: readonly string[]): Subject => ({
    name,
    measure: () => timeCommand({ argv }),
  });
  const ours = (name: string, ...words: readonly string[]) =>
    command(name, stage.ctrlExec(config, ...words));
  const dryRun = (name: string, ...words: readonly string[]) =>
    ours(name, "run", ...words, "true", "--dry-run");
  const subjects = [
    command(EMPTY, [await stage.compiled("empty")]),
    dryRun(NAME, hostName(1)),
    dryRun(TAG, "@rack=1"),
    dryRun("run --dry-run, certificates that end", `@expiring=9999d&${hostName(1)}`),
    dryRun("run --dry-run, all", "@all"),
    dryRun("run --dry-run, all, one of each tag in a batch", "@all", "--per-tag", "rack=1"),
    ours("complete hosts", "complete", "hosts", "--word", hostName(1).slice(0, -1)),
    ours(LIST, LIST),
    ours("list-agents of a tag", LIST, "@rack=1"),
    ours("list-agents --wide", LIST, "--wide"),
  ];
  // Each after the first finds what an earlier command has left.
  await timeCommand({ argv: stage.ctrlExec(config, LIST) });
  const measured = await inTurns(subjects, TURNS);
  const median = (name: string) => measured.get(name)?.median ?? Number.NaN;
  return {
    text:
      `Wall time of the whole process, with ${number(REGISTERED)} hosts in the registry, each with a tag. No host is called: a dry run ` +
      "asks only the hooks, and there are none.",
    tables: [
      {
        title: "Ten thousand hosts in the registry",
        header: ["command", "time", "relative to the empty program"],
        rows: [...measured].map(([name, summary]) => [
          name,
          withSpread(summary, "ms"),
          times(summary.median, median(EMPTY)),
        ]),
      },
    ],
    aims: [
      milliseconds(
        "an expression over 10,000 hosts, beyond one name",
        median(TAG) - median(NAME),
        50,
      ),
      milliseconds("`list-agents` of 10,000 hosts", median(LIST), 250),
    ],
    notMeasured: [],
  };
}

function milliseconds(what: string, got: number, limit: number): Aim {
  return { what, wanted: `at most ${limit} ms`, got: `${number(got)} ms`, met: got <= limit };
}
