/**
 * The command lines of the documents and of --help that are about a fleet, typed on one of fifty hosts. Each must be
 * judged here: whom it asks, and for what. One that this file does not know makes it fail. Some ninety programs are
 * started, which takes what it takes; the hosts cost nothing.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { controllerProgram } from "../../../src/cli/controller/program.ts";
import { openFileStore } from "../../../src/controller/store/file-store.ts";
import type { HostNews } from "../../../src/controller/store/ports/learned.ts";
import { parseControllerConfig } from "../../../src/core/config/controller-config.ts";
import { addDays, opensslTime } from "../../../src/core/time.ts";
import { TestApi } from "../../support/api.ts";
import {
  cleanEnvironment,
  programPath,
  Running,
  runCommand,
  runProgram,
} from "../../support/binary.ts";
import { blocksOf, readDocument } from "../../support/documents.ts";
import { ControlHost } from "../../support/fleet.ts";
import { TestFolder, until } from "../../support/folder.ts";
import { PlayedFleet } from "../../support/played-fleet.ts";

/** Modes whose examples are typed elsewhere: they pair, set up, renew, upgrade, or are about this program alone. */
const ELSEWHERE =
  "approve asset complete demo deny doctor edit-agent help list-locks list-requests maintain pairing-mode rotate-cert setup-ca setup-ctrl-exec token unpair upgrade".split(
    " ",
  );

const numbered = (kind: string, first: number, last: number) =>
  Array.from(
    { length: last - first + 1 },
    (_, at) => `${kind}-${`${first + at}`.padStart(2, "0")}`,
  );

const web = (first: number, last: number) => numbered("web", first, last);
const DB = numbered("db", 1, 10);
const HOSTS = [...web(1, 25), ...DB, ...numbered("app", 1, 10), ...numbered("proxy", 1, 5)].sort();
const without = (hosts: readonly string[], ...others: readonly string[]) =>
  hosts.filter((host) => !others.includes(host));

const GROUPS =
  '[frontends]\nhosts = ["web-[01-20]", "proxy-01"]\n["web servers"]\nhosts = "@role=web"\n';

/** As documents write it. */
const REQID = "a1b2c3d4e5f60718";
/** Of a run that has ended on all hosts. */
let reqid = "";

let control: ControlHost;
let fleet: PlayedFleet;
let failing: readonly string[] = [];
let rolling: Running | undefined;
let api: TestApi | undefined;

const newest = async (): Promise<string> =>
  JSON.parse((await control.mustRun("list-runs", ["--json"])).out)[0].reqid;

beforeAll(async () => {
  control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  fleet = await PlayedFleet.start(control, HOSTS, (host) => ({
    scripts: host.startsWith("db") ? ["backup-mysql", "deploy-app"] : ["deploy-app", "health"],
    tags: { role: host.replace(/-.*/, "") },
    play: (script) => {
      if (script === "slow") return { hangs: true };
      const failed = failing.includes(host) && script === "deploy-app";
      return failed ? { stdout: "no\n", stderr: "disk full\n", exit: 1 } : { stdout: "deployed\n" };
    },
  }));
  const { folder } = control;
  folder.write("control/groups.d/a.toml", GROUPS);
  folder.write("home/hosts.txt", "web-01 web-02\ndb-01 # the first\n");
  folder.write("home/.ctrl-exec-token", "sesame\n", 0o600);
  const own = `--config ${control.config} --log ${control.log.path}`;
  folder.script(
    "bin/ctrl-exec",
    `case " $* " in *" --config "*) exec ${programPath("ctrl-exec")} "$@" ;; esac
for word; do
  shift
  if [ "$word" = -- ] && [ ! "$own" ]; then set -- "$@" ${own}; own=1; fi
  set -- "$@" "$word"
done
[ "$own" ] || set -- "$@" ${own}
exec ${programPath("ctrl-exec")} "$@"`,
  );
  await control.mustRun("discovery");
  await control.mustRun("run", ["@all", "deploy-app", "--username", "alice"]);
  reqid = await newest();
});

afterAll(async () => {
  fleet[Symbol.dispose]();
  await control[Symbol.asyncDispose]();
});

afterEach(async () => {
  await rolling?.stop();
  await api?.stop();
  rolling = undefined;
  api = undefined;
});

beforeEach(() => {
  fleet.asked.length = 0;
  failing = [];
});

const home = (file: string) => readFileSync(control.folder.join("home", file), "utf8");

interface Judged {
  /** Who is asked to run the script that it names; nobody if left out. */
  readonly runs?: readonly string[];
  readonly script?: string;
  /** What the body of each of those requests has. */
  readonly body?: object;
  /** Who is asked something else, and what. */
  readonly asks?: readonly [what: string, hosts: readonly string[]];
  readonly status?: number;
  readonly out?: RegExp | ((out: string) => void);
  readonly err?: RegExp;
  /** Hosts on which deploy-app fails. */
  readonly failing?: readonly string[];
  /** Before it is typed. */
  readonly before?: () => Promise<void>;
  /** How many hosts are asked, if it is a sample of those in runs or asks. */
  readonly sample?: number;
  /** Once it is judged; with what it has printed. */
  readonly after?: (out: string) => void | Promise<void>;
  /** They are asked when it has ended. */
  readonly later?: boolean;
}

const json = (judge: (value: never) => void) => (out: string) => judge(JSON.parse(out) as never);
const hostsOf = (out: string) =>
  [...out.matchAll(/^([a-z]+-\d\d) /gm)].map(([, host = ""]) => host);
const table = (hosts: readonly string[]) => (out: string) =>
  expect(hostsOf(out).sort()).toEqual([...hosts].sort());

const token = (word: string) => ({ token: word });

const RUNS: Readonly<Record<string, Judged>> = {
  "ctrl-exec run web-01 deploy-app": {
    runs: ["web-01"],
    out: /^==> web-01 {2}\[OK .*\ndeployed\n$/,
  },
  "ctrl-exec run web-01 web-02 web-03 deploy-app": { runs: web(1, 3) },
  "ctrl-exec run db-01 backup-mysql -- --database myapp": {
    ...{ runs: ["db-01"], script: "backup-mysql", body: { args: ["--database", "myapp"] } },
  },
  "ctrl-exec run web-01:7450 deploy-app": { runs: ["web-01"] },
  "ctrl-exec run web-01 web-02 deploy-app --port 7450": { runs: web(1, 2) },
  "ctrl-exec run web-01 deploy-app --username alice": {
    ...{ runs: ["web-01"], body: { username: "alice" } },
  },
  "ENVEXEC_TOKEN=mytoken ctrl-exec run web-01 deploy-app": {
    ...{ runs: ["web-01"], body: token("mytoken") },
  },
  "ctrl-exec run web-01 deploy-app --token-file ~/.ctrl-exec-token": {
    ...{ runs: ["web-01"], body: token("sesame") },
  },
  "ctrl-exec run web-01 deploy-app --json": {
    runs: ["web-01"],
    out: json((value) =>
      expect(value).toMatchObject({ ok: 1, results: [{ stdout: "deployed\n" }] }),
    ),
  },
  "ENVEXEC_TOKEN=mytoken ctrl-exec run web-01:7450 deploy-app --json": {
    ...{ runs: ["web-01"], body: token("mytoken"), out: /"ok":1/ },
  },
  "ctrl-exec run web-01 web-02 deploy-app --live": {
    ...{ runs: web(1, 2), out: /web-01 \| deployed\n/, err: /2 hosts: 2 ok/ },
  },
  "ctrl-exec run web-01 web-02 deploy-app --live | tee deploy.log": {
    runs: web(1, 2),
    after: () => expect(home("deploy.log")).toContain("web-02 | deployed\n"),
  },
  "ctrl-exec run web-01 web-02 deploy-app --json-stream": {
    ...{ runs: web(1, 2), out: /"event":"summary","reqid":"\w{16}","hosts":2/ },
  },
  "ctrl-exec run 'web-[01-20]' deploy-app --except web-07": { runs: without(web(1, 20), "web-07") },
  "ctrl-exec run 'web-[01-03]' 'db-*' deploy-app --except web-02": {
    runs: ["web-01", "web-03", ...DB],
  },
  "ctrl-exec run '@all!@stale' deploy-app --limit 10%": { runs: HOSTS, sample: 5 },
  "ctrl-exec run --hosts-from hosts.txt deploy-app": { runs: ["db-01", ...web(1, 2)] },
  "ctrl-exec run --hosts-from ~/hosts.txt deploy-app": { runs: ["db-01", ...web(1, 2)] },
  "ctrl-exec run 'web-*' deploy-app --dry-run": {
    ...{ out: table(web(1, 25)), err: /25 hosts would be asked for deploy-app/ },
  },
  "ctrl-exec run 'web-*' deploy-app --dry-run --json": {
    out: json(({ hosts }: { hosts: unknown[] }) => expect(hosts).toHaveLength(25)),
  },
  "ctrl-exec run '@all!db-*' deploy-app --dry-run": { out: table(without(HOSTS, ...DB)) },
  "ctrl-exec run '@all!db-01' deploy-app --batch 1,10%,100% --max-failures 5%": {
    ...{ runs: without(HOSTS, "db-01"), failing: ["web-07"], status: 1 },
    err: /batch 1 of 3: 1 host\n[\s\S]*batch 2 of 3: 4 hosts\n[\s\S]*batch 3 of 3: 44 hosts\n/,
  },
  "ctrl-exec run @all deploy-app --batch 1,10%,25%,100% --max-failures 5% --pause 30s --check health":
    {
      ...{
        runs: HOSTS,
        err: /batch 1 of 4: 1 host\n[\s\S]*batch 2 of 4: 5 hosts\n[\s\S]*batch 3 of 4: 12 /,
      },
      after: () => expect(fleet.ran("health")).toEqual(HOSTS),
    },
  "ctrl-exec run @all deploy-app --batch 1,10% --pause 30m --detach": {
    before: async () => {
      api = await TestApi.start(control);
    },
    ...{ runs: HOSTS.slice(0, 1), later: true, out: /^\w{16}\n$/ },
    after: async (out) => void (await control.mustRun("cancel", [out.trim()])),
  },
  "ctrl-exec run @all deploy-app --fold": {
    ...{ runs: HOSTS, status: 1, failing: ["web-07"] },
    out: /^==> .*web-\[01-06,08-25\] \(49\) {2}\[OK .*\ndeployed\n==> web-07 {2}\[FAIL .*\nno\n {4}STDERR: disk full\n$/,
  },
  "ctrl-exec run @all deploy-app --diff": {
    ...{ runs: HOSTS, status: 1, failing: ["web-07"] },
    out: /\(49\) {2}\[OK [\s\S]*==> web-07 {2}\[FAIL [\s\S]*-deployed\n\+no\n/,
  },
  "ctrl-exec run @all deploy-app --only failed": {
    ...{ runs: HOSTS, status: 1, failing: ["web-07"], out: /^==> web-07 .*\nno\n/, err: /49/ },
  },
  "ctrl-exec run @all deploy-app --quiet": {
    ...{ runs: HOSTS, out: (out) => expect(out.match(/^==> .*\[OK .*$/gm)).toHaveLength(50) },
  },
  "ctrl-exec run @all deploy-app --quiet --output ~/deployed": {
    runs: HOSTS,
    after: () => {
      const files = readdirSync(control.folder.join("home/deployed"));
      expect(files.filter((name) => name.endsWith(".stdout")).sort()).toEqual(
        HOSTS.map((host) => `${host}.stdout`),
      );
    },
  },
  "ctrl-exec run web-01 web-02 deploy-app --detach": { runs: web(1, 2), out: /^\w{16}\n$/ },
  "ctrl-exec run db-01 backup-mysql --detach --timeout 1h": {
    ...{ runs: ["db-01"], script: "backup-mysql", body: { timeout: 3600 }, out: /^\w{16}\n$/ },
  },
  "ctrl-exec run web-01 ctrl-exec-demonstrator -- info": {
    ...{ runs: ["web-01"], script: "ctrl-exec-demonstrator", body: { args: ["info"] } },
  },
  "ctrl-exec run web-01 ctrl-exec-demonstrator -- args 'two words' --flag": {
    ...{ runs: ["web-01"], script: "ctrl-exec-demonstrator" },
    body: { args: ["args", "two words", "--flag"] },
  },
  "ctrl-exec run web-01 ctrl-exec-demonstrator --username alice -- context": {
    ...{ runs: ["web-01"], script: "ctrl-exec-demonstrator" },
    body: { args: ["context"], username: "alice" },
  },
  "ctrl-exec run --help": { out: /^Usage: / },
};

const changed = (hosts: string) => (out: string) =>
  expect(out).toBe(`Changed the tags of ${hosts}.\n`);
const pings = (hosts: readonly string[]) => ({ asks: ["POST /ping", hosts] as const });
const discovers = (hosts: readonly string[]) => ({ asks: ["GET /capabilities", hosts] as const });

const LOOKS: Readonly<Record<string, Judged>> = {
  "ctrl-exec ping web-01": { ...pings(["web-01"]), out: table(["web-01"]) },
  "ctrl-exec ping web-01 web-02": { ...pings(web(1, 2)), out: table(web(1, 2)) },
  "ctrl-exec ping web-01 --json": { ...pings(["web-01"]), out: /"status":"ok"/ },
  "ctrl-exec ping web-01 web-02:7450 --json": { ...pings(web(1, 2)), out: /"status":"ok"/ },
  "ctrl-exec ping @all --limit 10%": { ...pings(HOSTS), sample: 5 },
  "ctrl-exec ping --hosts-from ~/hosts.txt db-01 --except web-02": pings(["db-01", "web-01"]),
  "ctrl-exec discovery": {
    ...discovers(HOSTS),
    out: /^backup-mysql +10 +db-\[01-10\]\ndeploy-app +50 +app.*\nhealth +40 /m,
  },
  "ctrl-exec discovery 'web-*' --wide": { ...discovers(web(1, 25)), out: /^web-25 .* health /m },
  "ctrl-exec discovery web-01 --json": { ...discovers(["web-01"]), out: /"name":"health"/ },
  "ctrl-exec list-scripts": { ...discovers(HOSTS), out: /^deploy-app +50 /m },
  "ctrl-exec list-scripts 'web-*' --wide": { ...discovers(web(1, 25)), out: /^web-01 /m },
  "ctrl-exec list-scripts web-01 --json": { ...discovers(["web-01"]), out: /"name":"health"/ },
  "ctrl-exec list-agents": { out: table(HOSTS) },
  "ctrl-exec list-agents --config /etc/ctrl-exec/ctrl-exec.conf": { out: table(HOSTS) },
  "ctrl-exec list-agents --wide": { out: table(HOSTS) },
  "ctrl-exec list-agents --json": {
    out: json((value) => expect(value).toHaveLength(50)),
  },
  "ctrl-exec list-agents 'web-*' --except web-02": { out: table(without(web(1, 25), "web-02")) },
  "ctrl-exec list-agents 'web-*' --except web-07": { out: table(without(web(1, 25), "web-07")) },
  "ctrl-exec list-groups": { out: /^frontends .* 21 [\s\S]*^web servers .* 25 /m },
  "ctrl-exec list-groups --json": { out: json((value) => expect(value).toHaveLength(2)) },
  "ctrl-exec list-groups frontends --json": {
    out: json((value) => expect(value).toMatchObject([{ name: "frontends", count: 21 }])),
  },
  "ctrl-exec serial-status": { out: table(HOSTS) },
  "ctrl-exec serial-status 'web-*'": { out: table(web(1, 25)) },
  "ctrl-exec serial-status --json": { out: json((value) => expect(value).toBeObject()) },
  "ctrl-exec tag web-01 env=production role=web": { out: changed("web-01") },
  "ctrl-exec tag 'web-[01-03]' rack=7": { out: changed("web-[01-03]") },
  "ctrl-exec tag web-01 rack-": { out: changed("web-01") },
  "ctrl-exec tag '@env=production'": { out: /env +production/ },
  "ctrl-exec tag @all --json": { out: json((value) => expect(value).toHaveLength(50)) },
  "ctrl-exec tag 'web-[01-20]' rack=7 old-key-": {
    before: async () => void (await control.mustRun("tag", ["web-01", "old-key=x"])),
    out: /^Changed the tags of web-\[01,04-20\]\. 2 had them already\.\n$/,
  },
  "ctrl-exec tag @all": { out: /role +db +claimed/ },
  "ctrl-exec tag '@role=db' --json": { out: json((value) => expect(value).toHaveLength(10)) },
  "ctrl-exec --version": { out: /^ctrl-exec \d/ },
};

/** A run that hangs on all of its hosts, until somebody ends it. */
async function hang(): Promise<void> {
  reqid = (await control.mustRun("run", ["web-*", "slow", "--detach"])).out.trim();
  fleet.asked.length = 0;
}

/** A rollout that waits for its second batch. */
async function roll(): Promise<void> {
  const args = ["run", "web-[01-03]", "deploy-app", "--batch", "1", "--pause", "1h"];
  rolling = new Running("ctrl-exec", control.withSetting(args));
  const [, id = ""] = await rolling.outSeen(/req:(\w{16})/);
  reqid = id;
  fleet.asked.length = 0;
}

const RECORDS: Readonly<Record<string, Judged>> = {
  "ctrl-exec status a1b2c3d4e5f60718": { out: /^==> .*web-25/m },
  "ctrl-exec status a1b2c3d4e5f60718 --json": {
    out: json(({ results }: { results: unknown[] }) => expect(results).toHaveLength(50)),
  },
  "ctrl-exec wait a1b2c3d4e5f60718": {},
  "ctrl-exec wait a1b2c3d4e5f60718 --timeout 10m": {},
  "ctrl-exec logs a1b2c3d4e5f60718": { out: /^web-25 +\| deployed$/m },
  "ctrl-exec logs a1b2c3d4e5f60718 web-01 --follow": { out: /^deployed\n$/ },
  "ctrl-exec logs a1b2c3d4e5f60718 db-01 --follow": { out: /^deployed\n$/ },
  "ctrl-exec logs a1b2c3d4e5f60718 web-01 --stderr": { out: /^$/ },
  "ctrl-exec logs a1b2c3d4e5f60718 web-01 --stderr > errors.txt": {
    after: () => expect(home("errors.txt")).toBe(""),
  },
  "ctrl-exec list-runs": { out: /deploy-app/ },
  "ctrl-exec list-runs --host web-01 --failed": {},
  "ctrl-exec list-runs --host 'web-*' --since 7d": {},
  "ctrl-exec list-runs --script deploy-app --user alice --since 2h": { out: /alice/ },
  "ctrl-exec pause a1b2c3d4e5f60718": { before: roll, out: /^\w{16}: paused\n$/ },
  "ctrl-exec continue a1b2c3d4e5f60718": {
    before: async () => {
      await roll();
      await control.mustRun("pause", [reqid]);
    },
    out: /^\w{16}: goes on\n$/,
  },
  "ctrl-exec cancel a1b2c3d4e5f60718": { before: hang, asks: ["POST /cancel", web(1, 25)] },
  "ctrl-exec cancel a1b2c3d4e5f60718 web-01 --grace 60": {
    ...{ before: hang, asks: ["POST /cancel", ["web-01"]] },
    after: () => expect(fleet.asked[0]?.body).toMatchObject({ grace: 60 }),
  },
  "ctrl-exec cancel a1b2c3d4e5f60718 'web-*' --except web-02": {
    ...{ before: hang, asks: ["POST /cancel", without(web(1, 25), "web-02")] },
  },
  "ctrl-exec cancel a1b2c3d4e5f60718 'web-[01-10]'": {
    ...{ before: hang, asks: ["POST /cancel", web(1, 10)] },
  },
};

const JUDGED: Readonly<Record<string, Judged>> = { ...RUNS, ...LOOKS, ...RECORDS };

/** Of README, docs/OPERATIONS.md and the help of each mode, each once, in their order. */
async function examples(): Promise<string[]> {
  const lines = ["README.md", "docs/OPERATIONS.md"]
    .flatMap(blocksOf)
    .filter(({ info }) => info === "sh")
    .flatMap(({ text }) => text.replaceAll(/\\\n\s*/g, " ").split("\n"));
  const verbs = await Promise.all(
    Object.values(controllerProgram.verbs).map(async ({ load }) => (await load()).examples),
  );
  const typed = [...lines, ...verbs.flat()].map((line) => line.trim());
  return [...new Set(typed)].filter((line) => {
    const [, mode = ""] = /(?:^|[ (])ctrl-exec ([\w-]+)/.exec(line) ?? [];
    // What sudo hands over has a test of its own.
    return mode !== "" && !line.startsWith("sudo ") && !ELSEWHERE.includes(mode);
  });
}

const TYPED = await examples();

test("every example is judged, and every judgement is of an example", () => {
  expect(TYPED.toSorted()).toEqual(Object.keys(JUDGED).sort());
});

/** With what a reader replaces as well; and nobody waits half a minute here. */
function asTyped(line: string): string {
  return line
    .replaceAll(REQID, reqid)
    .replaceAll("7450", `${fleet.port}`)
    .replaceAll("/etc/ctrl-exec/ctrl-exec.conf", control.config)
    .replace("--pause 30s", "--pause 0s");
}

test.each(TYPED)("%s", async (line) => {
  const judged = JUDGED[line];
  if (judged === undefined) throw new Error("no judgement: see the test above");
  const ended = reqid;
  failing = judged.failing ?? [];
  await judged.before?.();
  const { folder } = control;
  const { status, out, err } = await runCommand(["sh", "-c", asTyped(line)], {
    cwd: folder.join("home"),
    env: cleanEnvironment({
      HOME: folder.join("home"),
      PATH: `${folder.join("bin")}:/usr/bin:/bin`,
    }),
  });
  reqid = ended;
  expect(status, err).toBe(judged.status ?? 0);
  const { script = "deploy-app", runs = [], asks: [what, asked] = ["", runs] } = judged;
  if (judged.later) await until("they are asked", () => fleet.ran(script).length >= runs.length);
  const met = fleet.asked.filter((each) => each.what === what).map(({ host }) => host);
  const hosts = what === "" ? fleet.ran(script) : met.sort();
  if (judged.sample === undefined) expect(hosts).toEqual([...asked].sort());
  else {
    expect(hosts).toHaveLength(judged.sample);
    expect(asked).toEqual(expect.arrayContaining(hosts));
  }
  if (judged.body !== undefined) {
    const bodies = fleet.asked.filter((each) => each.what === "POST /run").map(({ body }) => body);
    for (const body of bodies) expect(body).toMatchObject(judged.body);
  }
  if (typeof judged.out === "function") judged.out(out);
  else if (judged.out !== undefined) expect(out).toMatch(judged.out);
  if (judged.err !== undefined) expect(err).toMatch(judged.err);
  await judged.after?.(out);
});

const RACKS = [1, 2, 3, 4].flatMap((rack) =>
  numbered("n", 1, 16).map((node) => `rack${rack}-${node.replace("-", "")}`),
);
const REST = [...RACKS, "n1", "n3", "n5", "n7", "n9", "db-1", "db-2", "old-01"];

/** What stands in the table of expressions, and whom it means in a registry that has what it names. */
const ROWS: Readonly<Record<string, readonly string[]>> = {
  "web-01": ["web-01"],
  "web-01:7450": ["web-01"],
  "[::1]:7443": ["::1"],
  "web-[01-20,25]": [...web(1, 20), "web-25"],
  "rack[1-4]-n[01-16]": RACKS,
  "n[1-9/2]": ["n1", "n3", "n5", "n7", "n9"],
  "web-*": web(1, 25),
  "db-?": ["db-1", "db-2"],
  "@all": [...HOSTS, ...REST],
  "@stale": ["old-01"],
  "@expiring=30d": ["old-01"],
  "@failed=<reqid>": ["web-02"],
  "@missed=<reqid>": ["web-03"],
  "@@frontends": [...web(1, 20), "proxy-01"],
  '@@"web servers"': web(1, 25),
  "@env=production": ["web-01", "db-01"],
  // Those that have told their tags, or have one of this host's own.
  "@env!=production": [...web(2, 25), "db-02", "old-01"],
  "@role=db,env!=test": ["db-01"],
  "@version<1.1": ["old-01"],
};

/** The expressions of a table that begins so, as a reader types them. */
function expressionsOf(head: string): string[] {
  const [, rows = ""] = readDocument("docs/OPERATIONS.md").split(`${head} |`);
  const [cells = ""] = rows.split("\n\n");
  return cells
    .split("\n")
    .flatMap((row) => {
      const [, first = "", second = ""] = row.split("|");
      const beside = [...second.matchAll(/`(@[^`]+)`/g)];
      return [...first.matchAll(/`([^`]+)`/g), ...beside];
    })
    .map(([, typed = ""]) => typed.replaceAll("'", ""));
}

const ALL_RESULTS = { script: "deploy-app", stdout: "", stderr: "", rtt: "9ms", reqid: REQID };

test("every expression of the table means whom the text beside it says", async () => {
  using folder = new TestFolder();
  const text = `state_dir = ${folder.join("state")}\n`;
  const file = folder.write("control/ctrl-exec.conf", text);
  folder.write("control/groups.d/a.toml", GROUPS);
  const own: Readonly<Record<string, object>> = {
    "web-01": { tags: { env: "production", role: "web" } },
    "web-02": { tags: { env: "test" } },
    "db-01": { tags: { env: "production", role: "db" } },
    "db-02": { tags: { env: "test", role: "db" } },
    "old-01": { serial_status: "stale", expiry: opensslTime(addDays(new Date(), 10)) },
  };
  for (const hostname of ROWS["@all"] ?? []) {
    const record = {
      hostname,
      ip: "10.0.0.1",
      expiry: "Jun  7 16:28:00 2035 GMT",
      ...own[hostname],
    };
    folder.write(`state/agents/${hostname}.json`, JSON.stringify(record));
  }
  const { config } = await parseControllerConfig(file, text);
  const { learned } = openFileStore({ config, log: () => undefined, now: () => new Date() });
  const webs = web(1, 25).map((host) => [host, { tags: { role: "web" } }] as const);
  await learned.learn(
    new Map<string, HostNews>([...webs, ["old-01", { version: "1.0.2", tags: {} }]]),
  );
  folder.write(
    `state/runs/${REQID}.json`,
    JSON.stringify({
      ...{ reqid: REQID, script: "deploy-app", hosts: web(1, 3), submitter: "alice" },
      completed: "2026-01-15T12:00:01Z",
      results: [
        { host: "web-01", exit: 0, state: "ended" },
        { host: "web-02", exit: 1, state: "ended" },
        { host: "web-03", exit: -1, state: "never-ran", error: "x" },
      ].map((result) => ({ ...result, ...ALL_RESULTS })),
    }),
  );
  const typed = expressionsOf("| you write");
  expect(typed.toSorted()).toEqual(Object.keys(ROWS).sort());
  const meant = typed.map(async (expression) => {
    const words = expression.replace("<reqid>", REQID);
    const args = ["run", words, "x", "--dry-run", "--json", "--config", file, "--log", "stderr"];
    const { out, err } = await runProgram("ctrl-exec", args);
    const hosts = JSON.parse(out)
      .hosts?.map(({ host }: { host: string }) => host)
      .sort();
    return [expression, hosts ?? `${out}${err}`] as const;
  });
  const sorted = Object.entries(ROWS).map(([expression, hosts]) => [expression, hosts.toSorted()]);
  expect(Object.fromEntries(await Promise.all(meant))).toEqual(Object.fromEntries(sorted));
});
