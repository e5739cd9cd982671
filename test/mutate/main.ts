/**
 * `make mutate`: changes one comparison, operator, condition, return or call of the sources at a time, in
 * a copy of the checkout, runs the tests that reach it, and lists the changes that no test noticed.
 *
 *   MUTATE_SEED=...      the changes of an earlier run, which printed it; a new one when it is not set
 *   MUTATE_SAMPLES=...   how many changes; 100 when it is not set
 *   MUTATE_FILES="..."   folders or files of src, or single lines as file:line
 *   MUTATE_UNIT_SECONDS=... MUTATE_CLI_SECONDS=...
 *                        how long one change is looked for by unit tests, and if none noticed by
 *                        end-to-end tests (0: not at all); 120 each when they are not set
 *
 * Interrupted, it tells of the changes that it has tried.
 * It is a report, and ends 0: whether a change means anything is for a person to say.
 */
import { join } from "node:path";
import type { Change, Site } from "./change.ts";
import { Compiler } from "./compiler.ts";
import { changesOf, isWanted, shuffled } from "./draw.ts";
import { Judge, type Verdict } from "./judge.ts";
import { Vocabulary } from "./likeness.ts";
import { Imports } from "./reach.ts";
import { describe, report } from "./report.ts";
import { Tree } from "./tree.ts";

const ROOT = join(import.meta.dir, "..", "..");
const ROOMS = "src/core src/controller src/agent src/system src/api";

const seed = process.env.MUTATE_SEED || String(Date.now());
const samples = Number(process.env.MUTATE_SAMPLES || 100);
const unitSeconds = Number(process.env.MUTATE_UNIT_SECONDS || 120);
const cliSeconds = Number(process.env.MUTATE_CLI_SECONDS || 120);
const wanted = (process.env.MUTATE_FILES || ROOMS).split(/\s+/);

// Exits by itself: what the compiler still answers to an interrupt is of no use.
process.exit(await main());

async function main(): Promise<number> {
  console.error(`MUTATE_SEED=${seed} MUTATE_SAMPLES=${samples}`);
  using unchanged = new Tree(ROOT);
  using changed = new Tree(ROOT);
  await using compiler = new Compiler(unchanged.path);
  const sources = await sourcesOf(unchanged);
  const sites = shuffled(await sitesOf(compiler, sources), seed);
  const bounds = {
    unitMs: unitSeconds * 1000,
    cliMs: cliSeconds * 1000,
    now: () => performance.now(),
    warn: (line: string) => console.error(line),
  };
  const judge = new Judge({ unchanged, changed }, testsOf(sources), bounds);

  let interrupted = false;
  const interrupt = () => {
    interrupted = true;
    for (const tree of [unchanged, changed]) tree.stop();
  };
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);

  const verdicts: Verdict[] = [];
  let passedOver = 0;
  for (const site of sites) {
    if (verdicts.length >= samples) break;
    const change = await firstThatCompiles(compiler, site, unchanged.read(site.file));
    if (change === undefined) {
      passedOver += 1;
      continue;
    }
    const verdict = await judge.judge(change);
    if (interrupted) break;
    verdicts.push(verdict);
    console.error(`${String(verdicts.length).padStart(4)}/${samples}  ${describe(verdict)}`);
  }
  console.log(report(verdicts, passedOver));
  console.log(`The same again: MUTATE_SEED=${seed} make mutate`);
  return 0;
}

async function sourcesOf(tree: Tree): Promise<Map<string, string>> {
  const files = await Array.fromAsync(new Bun.Glob("{src,test}/**/*.ts").scan({ cwd: tree.path }));
  return new Map(files.sort().map((file) => [file, tree.read(file)]));
}

async function sitesOf(compiler: Compiler, sources: ReadonlyMap<string, string>): Promise<Site[]> {
  const sites: Site[] = [];
  for (const file of sources.keys()) {
    const folderOrFile = wanted.some((one) =>
      isWanted({ file, line: 0 }, [one.replace(/:\d+$/, "")]),
    );
    if (!folderOrFile || !file.startsWith("src/") || file.endsWith(".d.ts")) continue;
    sites.push(...(await compiler.sites(file)).filter((site) => isWanted(site, wanted)));
  }
  return sites;
}

function testsOf(sources: ReadonlyMap<string, string>) {
  const tests = [...sources].filter(([file]) => file.endsWith(".test.ts"));
  const cli = tests.filter(([file]) => file.startsWith("test/end-to-end/"));
  const unit = tests.filter(([file]) => !/^test\/(architecture|end-to-end|mutate)\//.test(file));
  return {
    imports: new Imports(sources),
    unit: new Vocabulary(new Map(unit)),
    cli: new Vocabulary(new Map(cli)),
  };
}

async function firstThatCompiles(
  compiler: Compiler,
  site: Site,
  text: string,
): Promise<Change | undefined> {
  for (const change of changesOf(site, seed)) {
    if (await compiler.compiles(text, change)) return change;
  }
  return undefined;
}
