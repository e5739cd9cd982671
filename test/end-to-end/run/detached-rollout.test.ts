/** Rollouts that nobody waits for: ctrl-exec-api carries them out, and goes on with them whatever ends it. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { TestApi } from "../../support/api.ts";
import { Running } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { Gate, passes } from "../../support/gate.ts";
import { TerminalSession } from "../../support/terminal.ts";

const HOSTS = ["web-01", "web-02", "web-03", "web-04"];

let control: ControlHost;
let gate: string;

beforeAll(async () => {
  control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  gate = control.folder.join("gate");
  await Promise.all(
    HOSTS.map(async (name) => {
      const file = (word: string) => control.folder.join(name, word);
      await control.startAgent(name, {
        scripts: {
          deploy: `echo "$*" >>${file("deployed")}`,
          slow: `echo "$*" >>${file("begun")}; ${passes(gate)}`,
          failing: `echo "$*" >>${file("begun")}; ${passes(gate)}; exit 1`,
        },
      });
    }),
  );
});

afterAll(async () => await control[Symbol.asyncDispose]());

afterEach(() => {
  for (const host of HOSTS) {
    for (const word of ["deployed", "begun"]) {
      rmSync(control.folder.join(host, word), { force: true });
    }
  }
});

const ran = (word = "deployed") => HOSTS.filter((host) => control.folder.has(host, word));
const rollouts = () => control.folder.join("control/state/rollouts");
const left = (reqid: string) => readdirSync(rollouts()).filter((name) => name.startsWith(reqid));

async function detach(...args: readonly string[]): Promise<string> {
  const { out } = await control.mustRun("run", ["@all", "--detach", ...args]);
  expect(out).toMatch(/^[0-9a-f]{16}\n$/);
  return out.trim();
}

interface Shown {
  readonly complete: boolean;
  readonly hosts: readonly string[];
  readonly results: readonly {
    host: string;
    state: string;
    error?: string;
    exit: number;
    rtt: string;
    started: string;
    ended: string;
  }[];
  readonly paused?: object;
}

async function show(reqid: string): Promise<Shown> {
  return JSON.parse((await control.run("status", [reqid, "--json"])).out);
}

async function states(reqid: string): Promise<string> {
  const { hosts, results } = await show(reqid);
  return hosts
    .map((host) => results.find((each) => each.host === host)?.state ?? "pending")
    .join(" ");
}

const ended = async (reqid: string) => {
  const { status } = await control.run("wait", [reqid]);
  return [status, await states(reqid)];
};

test("without ctrl-exec-api it is refused with what to do, and nothing is left", async () => {
  const { out, err, status } = await control.run("run", [
    ...["@all", "deploy", "--batch", "1", "--detach"],
  ]);
  expect([out, status]).toEqual(["", 1]);
  expect(err).toContain("Cannot detach a rollout: ctrl-exec-api is not running\n");
  expect(err).toContain("Start it, or leave out --detach.");
  expect(existsSync(rollouts()) ? readdirSync(rollouts()) : []).toEqual([]);
  expect(ran()).toEqual([]);
});

test("it is handed over with its arguments, which go with its end", async () => {
  await using _api = await TestApi.start(control);
  const args = ["deploy", "--batch", "1,2", "--username", "alice", "--", "now", "and 'then'"];
  const reqid = (await control.mustRun("run", ["@all", "--detach", ...args])).out.trim();
  expect(await ended(reqid)).toEqual([0, "ended ended ended ended"]);
  expect(readFileSync(control.folder.join("web-04", "deployed"), "utf8")).toBe("now and 'then'\n");
  await until("its files are gone", () => left(reqid).length === 0);
  const { out } = await control.mustRun("list-runs", ["--json", "--limit", "1"]);
  expect(JSON.parse(out)[0]).toMatchObject({ reqid, submitter: "alice" });
});

test("a second ctrl-exec-api of the same state leaves them to the first, and takes them when that has ended", async () => {
  await using first = await TestApi.start(control);
  const others = await Promise.all([TestApi.start(control), TestApi.start(control)]);
  await using second = others[0];
  await using _third = others[1];
  for (const other of others) {
    await other.running.seen(
      /ACTION=rollout-fail .*another ctrl-exec-api with this state_dir takes them/,
    );
  }
  expect((await second.get("/health")).status).toBe(200);
  await second.stop();
  expect(await ended(await detach("deploy", "--batch", "4"))).toEqual([
    ...[0, "ended ended ended ended"],
  ]);
  await first.stop("SIGKILL");
  await until("the third takes them", async () => {
    return (await control.run("run", ["@all", "deploy", "--batch", "4", "--detach"])).status === 0;
  });
});

test("T27 what it waits with is for its user alone, and has no token", async () => {
  using _shut = await Gate.shut(gate);
  await using api = await TestApi.start(control);
  const reqid = await detach("slow", "--batch", "1", "--token", "s3cr3t", "--", "argument");
  await until("it runs", () => ran("begun").length === 1);
  const [order = ""] = left(reqid).filter((name) => name.endsWith(".order"));
  const path = control.folder.join("control/state/rollouts", order);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(rollouts()).mode & 0o777).toBe(0o700);
  const kept = readdirSync(control.folder.join("control/state"), { recursive: true })
    .map((name) => control.folder.join("control/state", String(name)))
    .filter((file) => statSync(file).isFile())
    .map((file) => readFileSync(file, "latin1"));
  expect(kept.some((text) => text.includes("argument"))).toBe(true);
  expect(kept.some((text) => text.includes("s3cr3t"))).toBe(false);
  // After a restart nobody has it.
  await api.stop("SIGKILL");
  await using again = await TestApi.start(control);
  await until("the others wait for the token", async () => {
    return (await states(reqid)).endsWith("not-started not-started not-started");
  });
  const { results } = await show(reqid);
  expect(results.at(-1)?.error).toContain("its token is not kept: run --resume with it");
  await again.running.seen(new RegExp(`ACTION=rollout-fail .*not kept.* REQID=${reqid}`));
  await _shut.open();
  // Also when the end of the batch that had begun is recorded.
  for (const _ of [1, 2]) {
    expect(await show(reqid)).toMatchObject({ waits_for_token: true, complete: true });
  }
  const how = `ctrl-exec run --resume ${reqid} slow --config ${control.config}, with its token and`;
  expect((await control.run("status", [reqid])).err).toContain(`To go on: ${how}`);
  expect((await control.run("continue", [reqid])).err).toStartWith(
    `ctrl-exec: Cannot continue run ${reqid}: it waits for its token, which is not kept\nTo go on: ${how}`,
  );
  expect((await control.run("doctor")).out).toContain(`, and waiting for it: ${reqid}; ${how}`);
  expect((await control.run("list-runs")).out).toContain(", waits for its token\n");
  const refused = await again.post(`/runs/${reqid}/continue`, {});
  expect([refused.status, refused.text]).toEqual([
    400,
    expect.stringContaining(`POST /runs/${reqid}/resume goes on.`),
  ]);
  const resume = ["--detach", "--resume", reqid, "slow", "--token", "s3cr3t", "--", "argument"];
  await control.mustRun("run", resume);
  expect(await ended(reqid)).toEqual([0, "ended ended ended ended"]);
  await until("its files are gone", () => left(reqid).length === 0);
  await again.stop();
});

describe.each(["SIGTERM", "SIGKILL"] as const)("it goes on after %s", (signal) => {
  test("in each batch, and no script starts twice", async () => {
    using shut = await Gate.shut(gate);
    let api = await TestApi.start(control);
    const reqid = await detach("slow", "--batch", "2", "--", "once");
    for (const count of [2, 4]) {
      await until(`${count} hosts run it`, () => ran("begun").length === count);
      await api.stop(signal);
      api = await TestApi.start(control);
      if (count === 4) break;
      await shut.open();
      await until("the second batch has begun", () => ran("begun").length === 4);
    }
    await shut.open();
    expect(await ended(reqid)).toEqual([0, "ended ended ended ended"]);
    for (const host of HOSTS) {
      expect(readFileSync(control.folder.join(host, "begun"), "utf8")).toBe("once\n");
    }
    // Those of the first batch ended under another process than the one that had asked them.
    const results = (await show(reqid)).results.filter(({ host }) => host <= "web-02");
    const took = results.map(({ started, ended: end }) => Date.parse(end) - Date.parse(started));
    expect(results.map(({ rtt }) => rtt)).toEqual(took.map((ms) => `${ms}ms`));
    await api.stop();
  });

  test("in a pause, and stays paused until somebody continues it", async () => {
    let api = await TestApi.start(control);
    const reqid = await detach("deploy", "--batch", "1", "--pause", "1s");
    await until("the first batch runs", () => ran().length >= 1);
    await control.mustRun("pause", [reqid, "--username", "bob"]);
    await until("it is seen", async () => (await show(reqid)).paused !== undefined);
    await api.stop(signal);
    const paused = ran().length;
    expect(await states(reqid)).toEndWith(" queued");
    api = await TestApi.start(control);
    expect((await show(reqid)).paused).toMatchObject({ by: "bob" });
    const { err } = await control.run("status", [reqid]);
    expect(err).toContain("Paused by bob at ");
    expect((await control.mustRun("list-runs", ["--limit", "1"])).out).toContain("paused");
    expect(ran()).toHaveLength(paused);
    await control.mustRun("continue", [reqid]);
    expect(await ended(reqid)).toEqual([0, "ended ended ended ended"]);
    await api.stop();
  });
});

describe("a host that had not been asked when it was killed", () => {
  /** @param gap what happens between the end of one process and the beginning of the next */
  async function goesOn(gap: (reqid: string) => Promise<void> | void): Promise<string> {
    const plain = readFileSync(control.config, "utf8");
    control.folder.write("control/ctrl-exec.conf", `${plain}max_parallel = 1\n`);
    try {
      using shut = await Gate.shut(gate);
      const api = await TestApi.start(control);
      const reqid = await detach("slow", "--batch", "2", "--", "once");
      await until("the first host runs it", () => ran("begun").length === 1);
      await api.stop("SIGKILL");
      await shut.open();
      await gap(reqid);
      await using _again = await TestApi.start(control);
      await until("it is over", () => left(reqid).length === 0);
      return reqid;
    } finally {
      control.folder.write("control/ctrl-exec.conf", plain);
    }
  }

  test("is asked then, once", async () => {
    const reqid = await goesOn(async (id) => {
      // Whoever looks meanwhile takes nothing away from it.
      for (const _ of [1, 2]) expect(await states(id)).toEndWith(" queued queued queued");
    });
    expect(await ended(reqid)).toEqual([0, "ended ended ended ended"]);
    for (const host of HOSTS) {
      expect(readFileSync(control.folder.join(host, "begun"), "utf8")).toBe("once\n");
    }
  });

  const refused = async (reqid: string, state: string, reason: string) => {
    expect(ran("begun")).toEqual(["web-01"]);
    expect(await states(reqid)).toBe(`ended ${state} not-started not-started`);
    const { results } = await show(reqid);
    expect(results[3]?.error).toStartWith(`the rollout stopped after batch 1 of 2: ${reason}`);
  };

  test("T76 is not asked when the hook refuses it now, and the rollout stops", async () => {
    const hook = control.folder.script("refuses", '[ "$ENVEXEC_HOSTS" != web-01,web-02 ]');
    const reqid = await goesOn(() => {
      const now = readFileSync(control.config, "utf8");
      control.folder.write("control/ctrl-exec.conf", `${now}auth_hook = ${hook}\n`);
    });
    await refused(reqid, "never-ran", "denied");
    await using _api = await TestApi.start(control);
    await control.mustRun("run", ["--detach", "--resume", reqid, "slow", "--", "once"]);
    expect(await ended(reqid)).toEqual([1, "ended never-ran ended ended"]);
  });

  test("T76 is not asked when it was unpaired meanwhile, and the rollout stops", async () => {
    const record = control.folder.join("control/state/agents/web-02.json");
    try {
      const reqid = await goesOn(() => renameSync(record, `${record}.away`));
      // Nobody knows whether it had been asked: it is not called any more.
      await refused(reqid, "unknown", "no longer registered: web-02");
    } finally {
      renameSync(`${record}.away`, record);
    }
  });
});

test("a check that had not been sent to a host when the service stopped is sent then, once", async () => {
  const plain = readFileSync(control.config, "utf8");
  control.folder.write("control/ctrl-exec.conf", `${plain}max_parallel = 1\n`);
  try {
    using shut = await Gate.shut(gate);
    const api = await TestApi.start(control);
    const reqid = await detach("deploy", "--batch", "2", "--check", "slow");
    await until("the check runs", () => ran("begun").length === 1);
    await api.stop();
    await shut.open();
    await using _again = await TestApi.start(control);
    expect(await ended(reqid)).toEqual([0, "ended ended ended ended"]);
    expect(ran("begun")).toEqual(HOSTS);
    for (const host of HOSTS) {
      expect(readFileSync(control.folder.join(host, "begun"), "utf8")).toBe("\n");
    }
  } finally {
    control.folder.write("control/ctrl-exec.conf", plain);
  }
});

test("killed in the middle of a check, it hears how that ends, and no check starts twice", async () => {
  using shut = await Gate.shut(gate);
  const api = await TestApi.start(control);
  const reqid = await detach("deploy", "--batch", "2", "--check", "slow");
  await until("the check runs", () => ran("begun").length === 2);
  await api.stop("SIGKILL");
  expect(ran()).toEqual(HOSTS.slice(0, 2));
  await using _again = await TestApi.start(control);
  await shut.open();
  expect(await ended(reqid)).toEqual([0, "ended ended ended ended"]);
  await until("its files are gone", () => left(reqid).length === 0);
  for (const host of HOSTS) {
    expect(readFileSync(control.folder.join(host, "begun"), "utf8")).toBe("\n");
    expect(readFileSync(control.folder.join(host, "deployed"), "utf8")).toBe("\n");
  }
});

test("while ctrl-exec-api is away every command says so, and the same of each host; then it goes on", async () => {
  using shut = await Gate.shut(gate);
  const api = await TestApi.start(control);
  const reqid = await detach("slow", "--batch", "2");
  await until("the first batch runs", () => ran("begun").length === 2);
  await api.stop("SIGKILL");
  const waiting = new Running("ctrl-exec", control.withSetting(["wait", reqid]));
  const logs = control.withSetting(["logs", reqid, "web-04", "--follow"]);
  const following = new Running("ctrl-exec", logs);
  const nobody = `No ctrl-exec-api carries out rollout ${reqid}: it goes on when that runs.`;
  await waiting.seen(new RegExp(nobody));
  await following.seen(new RegExp(nobody));
  await shut.open();
  // Each host ends where it was asked; nobody carries the rollout on.
  await waiting.outSeen(/==> web-0[12] .*\n==> web-0[12] /);
  const { out, err } = await control.run("status", [reqid]);
  expect(out.match(/^==> \S+ +\[\w+/gm)?.map((header) => header.split("[")[1])).toEqual([
    ...["OK", "OK", "QUEUED", "QUEUED"],
  ]);
  expect(err).toContain("2 of 4 hosts done; queued: web-03, web-04; ");
  const resume = `To go on without it: ctrl-exec run --resume ${reqid} slow --config ${control.config}, with the`;
  expect(err).toContain(nobody);
  expect(err).toContain(resume);
  const [listed] = JSON.parse(
    (await control.mustRun("list-runs", ["--json", "--limit", "1"])).out,
  ) as readonly [{ hosts: readonly { state: string }[]; waits_for_api?: true }];
  expect(listed.waits_for_api).toBe(true);
  expect(listed.hosts.map(({ state }) => state)).toEqual(["ended", "ended", "queued", "queued"]);
  const late = await control.run("wait", [reqid, "--timeout", "0"]);
  expect(late.status).toBe(124);
  expect(late.err).toContain(nobody);
  expect(late.err).toContain("\nQueued: web-03, web-04. To wait again: ");
  for (const verb of ["pause", "continue"]) {
    const said = await control.mustRun(verb, [reqid]);
    expect(said.err).toStartWith(nobody);
  }
  expect(waiting.child.exitCode).toBeNull();
  await using _again = await TestApi.start(control);
  expect([await waiting.ended(), await following.ended()]).toEqual([0, 0]);
  for (const { err: said } of [waiting, following]) expect(said.split(nobody)).toHaveLength(2);
  expect(await states(reqid)).toBe("ended ended ended ended");
  expect((await control.run("status", [reqid])).err).not.toContain(nobody);
});

test("the check of a last batch that ended while ctrl-exec-api was away is made", async () => {
  using shut = await Gate.shut(gate);
  const api = await TestApi.start(control);
  const reqid = await detach("slow", "--batch", "4", "--check", "deploy");
  await until("all run it", () => ran("begun").length === 4);
  await api.stop("SIGKILL");
  await shut.open();
  await until("all have ended", async () => (await states(reqid)) === "ended ended ended ended");
  // The ends are recorded by whoever has asked.
  await control.run("list-runs");
  expect(ran()).toEqual([]);
  await using _again = await TestApi.start(control);
  await until("it is over", () => left(reqid).length === 0);
  expect(ran()).toEqual(HOSTS);
});

test("who waits for a rollout waits for its last check, and ends as that does", async () => {
  using shut = await Gate.shut(gate);
  await using _api = await TestApi.start(control);
  const reqid = await detach("deploy", "--batch", "4", "--check", "failing");
  await until("the check runs", () => ran("begun").length === 4);
  const { complete, results } = await show(reqid);
  expect([complete, results.map(({ state }) => state).join(" ")]).toEqual([
    ...[false, "ended ended ended ended"],
  ]);
  const waiting = new Running("ctrl-exec", control.withSetting(["wait", reqid]));
  const late = await control.run("wait", [reqid, "--timeout", "0"]);
  expect(late.status).toBe(124);
  expect(late.err).toContain("The rollout goes on. To wait again: ");
  await shut.open();
  expect(await waiting.ended()).toBe(1);
  const told = await control.run("status", [reqid]);
  expect([told.status, (await show(reqid)).complete]).toEqual([1, true]);
  expect(told.err).toContain("Stopped after batch 1 of 1: its check failed on ");
});

test("who waits is told that the rollout is paused, and by whom", async () => {
  await using _api = await TestApi.start(control);
  const reqid = await detach("deploy", "--batch", "1", "--pause", "1h");
  await control.mustRun("pause", [reqid, "--username", "bob"]);
  const waiting = new Running("ctrl-exec", control.withSetting(["wait", reqid]));
  const following = new Running("ctrl-exec", control.withSetting(["logs", reqid, "--follow"]));
  for (const each of [waiting, following]) {
    await each.seen(/^Paused by bob at \S+\. To go on: ctrl-exec continue /m);
  }
  await control.mustRun("continue", [reqid, "--username", "carol"]);
  for (const each of [waiting, following]) await each.seen(/^Continued by carol at \S+Z$/m);
  await control.mustRun("cancel", [reqid]);
  for (const each of [waiting, following]) {
    await each.ended();
    expect(each.err.split("Paused by")).toHaveLength(2);
  }
});

test("status and wait say at which batch it is, over HTTP too; what waits for its batch is not out", async () => {
  using shut = await Gate.shut(gate);
  await using api = await TestApi.start(control);
  const reqid = await detach("slow", "--batch", "1", "--check", "deploy", "--pause", "1h");
  await until("the first batch runs", () => ran("begun").length === 1);
  const waiting = new TerminalSession("ctrl-exec", control.withSetting(["wait", reqid, "--fold"]));
  await waiting.seen(/Waiting for web-01; queued: web-02, web-03, web-04 \(started /);
  await waiting.seen(/Batch 1 of 4 is under way/);
  await waiting.seen(/batch 1 of 4, 0 of 4 done, 1 out, 3 to come, \d+s; slowest: web-01/);
  const status = async () => (await control.run("status", [reqid])).err;
  expect(await status()).toContain("\nBatch 1 of 4 is under way\n");
  const at = async () => ((await api.get(`/runs/${reqid}`)).json as { rollout: object }).rollout;
  expect(await at()).toEqual({ batches: 4, begun: 1, not_started: 0 });
  await shut.open();
  await waiting.seen(/batch 1 of 4 \(ended\), 1 of 4 done, 3 to come, \d+s/);
  await until("the pause is there", async () => "next_at" in (await at()));
  expect(await status()).toMatch(/\nBatch 1 of 4 has ended; the next begins at \S+Z\n/);
  const json = await control.run("wait", [reqid, "--timeout", "0", "--json"]);
  expect(JSON.parse(json.out)).toMatchObject({ reqid, rollout: { begun: 1 } });
  waiting.type("\u0003");
  await waiting.ended();
  expect(waiting.signal).toBe("SIGINT");
  await control.mustRun("cancel", [reqid]);
  expect(await status()).toMatch(
    /\nStopped after batch 1 of 4: it was cancelled by \S+\nTo go on: /,
  );
});

test("cancelled while ctrl-exec-api is away, it does not go on, and its arguments go", async () => {
  const api = await TestApi.start(control);
  const reqid = await detach("deploy", "--batch", "1", "--pause", "1h");
  await until("the first batch has run", () => ran().length === 1);
  await api.stop("SIGKILL");
  expect(left(reqid)).toContain(`${reqid}.order`);
  expect((await control.run("cancel", [reqid])).status).toBe(0);
  expect(left(reqid)).toEqual([]);
  await using _again = await TestApi.start(control);
  expect(await states(reqid)).toBe("ended not-started not-started not-started");
  expect(ran()).toEqual(["web-01"]);
});

test("T62 what others could have written is not carried out", async () => {
  const api = await TestApi.start(control);
  const reqid = await detach("deploy", "--batch", "1", "--pause", "1h");
  await until("the first batch has run", () => ran().length === 1);
  await api.stop("SIGKILL");
  chmodSync(control.folder.join("control/state/rollouts", `${reqid}.order`), 0o666);
  await using again = await TestApi.start(control);
  expect(again.logged("rollout-fail")).toMatchObject([
    { ERROR: expect.stringContaining("others may read or write it"), REQID: reqid },
  ]);
  expect(ran()).toEqual(["web-01"]);
  expect(await states(reqid)).toBe("ended not-started not-started not-started");
  rmSync(control.folder.join("control/state/rollouts", `${reqid}.order`));
});

test("the hook is asked before anything is kept, and for each batch as for who began it", async () => {
  const asked = control.folder.join("asked");
  const hook = control.folder.script(
    "hook",
    [
      `echo "$ENVEXEC_ACTION $ENVEXEC_USERNAME $ENVEXEC_VIA $ENVEXEC_HOSTS" >>${asked}`,
      '[ "$ENVEXEC_USERNAME" = alice ] && [ "$ENVEXEC_HOSTS" != web-03 ]',
    ].join("\n"),
  );
  const plain = readFileSync(control.config, "utf8");
  const config = control.folder.write("control/ctrl-exec.conf", `${plain}auth_hook = ${hook}\n`);
  try {
    await using _api = await TestApi.start(control);
    const run = async (user: string) =>
      await control.run("run", [
        ...["@all", "deploy", "--batch", "1", "--detach", "--username", user],
      ]);
    expect((await run("mallory")).status).toBe(1);
    expect(readdirSync(rollouts()).filter((name) => !name.endsWith(".lock"))).toEqual(["taker"]);
    const { out } = await run("alice");
    const reqid = out.trim();
    await until("it has stopped", () => left(reqid).length === 0);
    expect(ran()).toEqual(["web-01", "web-02"]);
    expect(readFileSync(asked, "utf8").trim().split("\n")).toEqual([
      `run mallory cli ${HOSTS.join(",")}`,
      `run alice cli ${HOSTS.join(",")}`,
      ...HOSTS.slice(0, 3).map((host) => `run alice cli ${host}`),
    ]);
  } finally {
    control.folder.write("control/ctrl-exec.conf", plain);
  }
  expect(config).toBe(control.config);
});

test.each(["SIGINT", "SIGKILL"] as const)(
  "what is ended by %s while it is handed over is carried out by nobody",
  async (signal) => {
    using shut = await Gate.shut(gate);
    const asked = control.folder.join("asked");
    rmSync(asked, { force: true });
    const hook = control.folder.script("hook", `echo >${asked}; ${passes(gate)}`);
    const plain = readFileSync(control.config, "utf8");
    control.folder.write("control/ctrl-exec.conf", `${plain}auth_hook = ${hook}\n`);
    try {
      await using api = await TestApi.start(control);
      const args = ["@all", "deploy", "--batch", "1", "--detach", "--config", control.config];
      const running = new Running("ctrl-exec", ["run", ...args]);
      await until("the hook is asked", () => existsSync(asked));
      // From here on it takes nothing.
      api.running.child.kill("SIGSTOP");
      await shut.open();
      const offered = () => readdirSync(rollouts()).find((name) => name.endsWith(".offer"));
      await until("it is offered", () => offered() !== undefined);
      const reqid = String(offered()).slice(0, 16);
      running.child.kill(signal);
      await running.ended();
      const told = `Stopped: rollout ${reqid} was taken back, and is not carried out.`;
      expect([running.out, running.err.includes(told)]).toEqual(["", signal === "SIGINT"]);
      api.running.child.kill("SIGCONT");
      // It answers one after the other.
      expect((await ended(await detach("deploy", "--batch", "4")))[0]).toBe(0);
      // It may have been killed before it had told anybody: then it goes at the next start.
      await api.stop();
      await using _again = await TestApi.start(control);
      await until("nothing of it is left", () => left(reqid).length === 0);
      expect(await states(reqid)).toBe("not-started not-started not-started not-started");
    } finally {
      control.folder.write("control/ctrl-exec.conf", plain);
    }
  },
);

test("over HTTP it is carried out in the same way", async () => {
  using shut = await Gate.shut(gate);
  let api = await TestApi.start(control);
  const { status, json } = await api.post("/run", {
    ...{ hosts: ["@all"], script: "slow", args: ["once"], detach: true, username: "alice" },
    rollout: { batch: [1, 3] },
  });
  expect(status).toBe(202);
  const { reqid } = json as { reqid: string };
  await until("it runs", () => ran("begun").length === 1);
  expect((await api.post(`/runs/${reqid}/pause`, { username: "bob" })).json).toEqual({
    ...{ ok: true, reqid },
  });
  await api.stop("SIGKILL");
  await shut.open();
  api = await TestApi.start(control);
  await until("the first batch has ended", async () => (await states(reqid)).startsWith("ended"));
  expect(ran("begun")).toEqual(["web-01"]);
  expect((await api.post(`/runs/${reqid}/continue`, {})).status).toBe(200);
  expect(await ended(reqid)).toEqual([0, "ended ended ended ended"]);
  expect(readFileSync(control.folder.join("web-01", "begun"), "utf8")).toBe("once\n");
  await api.stop();
});
