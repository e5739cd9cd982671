/** A few hosts at a time, on real agents: where it stops, what is known afterwards, and how it goes on. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { TestApi } from "../../support/api.ts";
import { Running } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { Gate, passes } from "../../support/gate.ts";
import { TerminalSession } from "../../support/terminal.ts";

const CTRL_C = "\u0003";
const HOSTS = ["web-01", "web-02", "web-03", "web-04", "web-05"];

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
          deploy: `echo "$*" >>${file("deployed")}; ! [ -e ${file("bad")} ]`,
          health: `! [ -e ${file("ill")} ]`,
          slow: `: >${file("begun")}; ${passes(gate)}`,
        },
      });
    }),
  );
});

afterAll(async () => await control[Symbol.asyncDispose]());

afterEach(() => {
  for (const host of HOSTS) {
    for (const word of ["deployed", "bad", "ill", "begun"]) {
      rmSync(control.folder.join(host, word), { force: true });
    }
  }
});

const mark = (host: string, word: string) => control.folder.write(`${host}/${word}`, "");
const ran = (word = "deployed") => HOSTS.filter((host) => control.folder.has(host, word));

async function recorded(reqid: string): Promise<string[]> {
  const { out } = await control.run("status", [reqid, "--json"]);
  const { hosts, results } = JSON.parse(out);
  return hosts.map((host: string) => {
    const result = results.find((each: { host: string }) => each.host === host);
    return `${host} ${result?.state ?? "pending"}`;
  });
}

const left = (...hosts: readonly string[]) =>
  HOSTS.map((host) => `${host} ${hosts.includes(host) ? "not-started" : "ended"}`);

const newest = async (): Promise<string> =>
  JSON.parse((await control.mustRun("list-runs", ["--json", "--limit", "1"])).out)[0].reqid;

test("stops after the host that failed, says so on every face, and goes on", async () => {
  mark("web-03", "bad");
  const { out, err, status } = await control.run("run", [
    ...["@all", "deploy", "--batch", "1,2", "--", "now"],
  ]);
  expect(status).toBe(3);
  expect(ran()).toEqual(["web-01", "web-02", "web-03"]);
  const [, reqid = ""] = /req:(\w{16})/.exec(out) ?? [];
  const stopped = "after batch 2 of 3: 1 host failed";
  expect(out).toEndWith(
    `==> web-[04-05] (2)  [NOT-STARTED  req:${reqid}]\n    ERROR: the rollout stopped ${stopped}\n`,
  );
  const resume = `ctrl-exec run --resume ${reqid} deploy --config ${control.config} -- ...`;
  expect(err).toBe(
    [
      "batch 1 of 3: 1 host",
      "batch 2 of 3: 2 hosts",
      `Stopped ${stopped}`,
      `2 hosts not started. To go on: ${resume}`,
      "",
    ].join("\n"),
  );
  expect(await recorded(reqid)).toEqual(left("web-04", "web-05"));
  const shown = await control.run("status", [reqid]);
  expect([shown.status, shown.out]).toEqual([
    1,
    expect.stringContaining("web-[04-05] (2)  [NOT-STARTED"),
  ]);
  expect(shown.err).toMatch(/^deploy: 3 of 5 hosts done, 2 not started at \S+; started at \S+$/m);
  const goOn = resume.replace(" -- ...", ", with the arguments it had after --");
  expect(shown.err).toContain(`\nTo go on: ${goOn}\n`);
  const logs = await control.run("logs", [reqid, "web-04"]);
  expect(logs).toMatchObject({
    ...{ out: "", status: 0 },
    err: `ctrl-exec: web-04: not started: the rollout stopped ${stopped}\n`,
  });
  expect((await control.run("logs", [reqid])).err).toContain("ctrl-exec: web-04, web-05: not");
  expect((await control.run("wait", [reqid])).status).toBe(1);
  expect((await control.mustRun("list-runs", ["--limit", "1"])).out).toContain(
    "3/5    failed, not-started",
  );

  const planned = await control.mustRun("run", [
    "--resume",
    reqid,
    "deploy",
    "--dry-run",
    "--json",
  ]);
  const batches = JSON.parse(planned.out).hosts.map((each: { host: string; batch: number }) => [
    ...[each.host, each.batch],
  ]);
  expect(batches).toEqual([
    ["web-04", 1],
    ["web-05", 2],
  ]);
  expect(await recorded(reqid)).toEqual(left("web-04", "web-05"));

  const again = await control.run("run", ["--resume", reqid, "deploy", "--json", "--", "now"]);
  expect(again.status).toBe(0);
  expect(again.err).toBe("batch 1 of 2: 1 host\nbatch 2 of 2: 1 host\n");
  expect(JSON.parse(again.out)).toMatchObject({
    ...{ ok: 1, reqid, rollout: { batches: 2, begun: 2, not_started: 0 } },
    results: [
      { host: "web-04", exit: 0, reqid },
      { host: "web-05", exit: 0, reqid },
    ],
  });
  expect(readFileSync(control.folder.join("web-05", "deployed"), "utf8")).toBe("now\n");
  expect(await recorded(reqid)).toEqual(left());
});

test("as lines of JSON", async () => {
  mark("web-01", "ill");
  const args = ["@all", "deploy", "--batch", "1", "--check", "health", "--json-stream"];
  const { out, status } = await control.run("run", args);
  expect(status).toBe(3);
  const lines = out.trimEnd().split("\n");
  const events = lines.map((line) => JSON.parse(line));
  const { reqid } = events[0];
  expect(events[0]).toEqual({ event: "batch", reqid, batch: 1, of: 5, hosts: ["web-01"] });
  expect(events.find(({ event }) => event === "check")).toEqual({
    ...{ event: "check", reqid, batch: 1, script: "health", failed: ["web-01"] },
    check: expect.stringMatching(/^\w{16}$/),
  });
  expect(events.filter(({ event }) => event === "end").map(({ state }) => state)).toEqual([
    "ended",
    ...Array.from({ length: 4 }, () => "not-started"),
  ]);
  expect(events.at(-1)).toMatchObject({
    ...{ event: "summary", outcomes: { ok: 1, "not-started": 4 } },
    rollout: { begun: 1, stopped: "after batch 1 of 5: its check failed on web-01" },
  });
});

test("a check that no host lists is named before anything runs, and where it stopped", async () => {
  const args = ["@all", "deploy", "--batch", "1", "--check", "heath"];
  await control.mustRun("discovery");
  const hosts = "web-01, web-02, web-03, web-04, web-05";
  const pattern = String.raw`heath is not in scripts\.conf on ${hosts}, as they reported at \S+Z or later\nDid you mean health\? To ask the hosts again: ctrl-exec discovery --config \S+\n`;
  const dry = await control.mustRun("run", [...args, "--dry-run"]);
  expect(dry.err).toMatch(new RegExp(`^${pattern}Dry run: 5 hosts`));
  expect(ran()).toEqual([]);
  const { err, status } = await control.run("run", args);
  expect(status).toBe(3);
  expect(err).toMatch(new RegExp(`^${pattern}batch 1 of 5: 1 host\n`));
  expect(err).toContain(
    "\nStopped after batch 1 of 5: its check failed on web-01: script not permitted\n",
  );
  const whole = await control.run("run", [...args.slice(0, -1), "is up"]);
  expect(whole).toMatchObject({ status: 2, out: "" });
  expect(whole.err).toStartWith(
    'ctrl-exec: Cannot check with "is up": no host has such a script\n',
  );
});

test("killed in the middle of a batch, it is known who was asked, and it can be gone on with", async () => {
  using shut = await Gate.shut(gate);
  const command = new Running(
    "ctrl-exec",
    control.withSetting(["run", "@all", "slow", "--batch", "1,2"]),
  );
  // Nothing keeps the first batch.
  await until("batch 1 runs", () => ran("begun").length === 1);
  const reqid = await newest();
  command.child.kill("SIGKILL");
  await command.child.exited;
  expect(await recorded(reqid)).toEqual([
    "web-01 running",
    ...["web-02", "web-03", "web-04", "web-05"].map((host) => `${host} not-started`),
  ]);
  const resume = ["run", "--resume", reqid, "slow", "--batch", "2"];
  const second = new Running("ctrl-exec", control.withSetting(resume));
  await until("a batch of the resumed one runs", () => ran("begun").length === 3);
  second.child.kill("SIGKILL");
  await second.child.exited;
  expect(await recorded(reqid)).toEqual([
    ...["web-01", "web-02", "web-03"].map((host) => `${host} running`),
    ...["web-04", "web-05"].map((host) => `${host} not-started`),
  ]);
  await shut.open();
  expect((await control.run("wait", [reqid])).status).toBe(1);
  expect(await recorded(reqid)).toEqual(left("web-04", "web-05"));
  expect((await control.run("run", resume.slice(1))).status).toBe(0);
  expect(await recorded(reqid)).toEqual(left());
  expect((await control.run("status", [reqid])).status).toBe(0);
});

describe("on a terminal", () => {
  const onTerminal = (...args: readonly string[]) =>
    new TerminalSession("ctrl-exec", control.withSetting(["run", "@all", ...args]), {
      NO_COLOR: "1",
    });

  test("Ctrl-C between two batches stops, and says how to go on", async () => {
    const session = onTerminal("deploy", "--batch", "2", "--pause", "1h");
    await session.seen(/==> web-01 {2}\[OK/);
    await session.seen(/==> web-02 {2}\[OK/);
    session.type(CTRL_C);
    await session.ended();
    expect(session.signal).toBe("SIGINT");
    // Nothing of it runs.
    expect(session.screen).not.toContain("Stopped waiting");
    const [, reqid = ""] = /Run (\w{16})/.exec(session.screen) ?? [];
    expect(session.screen).toContain(
      `3 hosts not started. To go on: ctrl-exec run --resume ${reqid} deploy `,
    );
    expect(ran()).toEqual(["web-01", "web-02"]);
    expect(await recorded(reqid)).toEqual(left("web-03", "web-04", "web-05"));
    const told = JSON.parse((await control.mustRun("cancel", [reqid, "--json"])).out).results;
    expect(told.map(({ status }: { status: string }) => status)).toEqual(
      HOSTS.map(() => "not-running"),
    );
  });

  test("Ctrl-C in a check: it has not failed, and may go on", async () => {
    using shut = await Gate.shut(gate);
    const session = onTerminal("deploy", "--batch", "2", "--check", "slow");
    await until("the check runs", () => ran("begun").length === 2);
    session.type(CTRL_C);
    await session.ended();
    const { screen } = session;
    expect(screen).toContain("Stopped waiting. Scripts that have started keep running.\r\n");
    expect(screen).not.toContain("failed on");
    const pattern = /Its check was not waited for, and may go on; see: ctrl-exec status (\w{16}) /;
    const [, check = ""] = pattern.exec(screen) ?? [];
    await shut.open();
    expect((await control.run("wait", [check])).status).toBe(0);
  });

  test("each batch after the first is asked for, and anything but yes stops", async () => {
    const session = onTerminal("deploy", "--batch", "2", "--confirm");
    await session.seen(/Go on with batch 2 of 3 \(2 hosts\)\? \[y\/N\] /);
    session.type("y\r");
    await session.seen(/Go on with batch 3 of 3 \(1 host\)\? \[y\/N\] /);
    session.type("\r");
    expect(await session.ended()).toBe(3);
    expect(session.screen).toContain("Stopped after batch 2 of 3: it was not confirmed");
    expect(ran()).toEqual(HOSTS.slice(0, 4));
  });

  test("what is cancelled between two batches does not start, and the rollout stops", async () => {
    const session = onTerminal("deploy", "--batch", "2", "--confirm");
    await session.seen(/Go on with batch 2 of 3/);
    const [, reqid = ""] = /Run (\w{16})/.exec(session.screen) ?? [];
    const { out, status } = await control.run("cancel", [
      ...[reqid, "web-[03-05]", "--username", "ann"],
    ]);
    const lines = HOSTS.slice(2).map((host) => `${host}: will not start`);
    expect([out.trim().split("\n").toSorted(), status]).toEqual([lines, 0]);
    const again = await control.mustRun("cancel", [reqid, "web-[03-05]", "--json"]);
    expect(JSON.parse(again.out).results).toEqual(
      HOSTS.slice(2).map((host) => ({ host, status: "will-not-start", left: 0 })),
    );
    const queued = await control.run("logs", [reqid, "web-03"]);
    expect(queued).toMatchObject({
      ...{ out: "", status: 0 },
      err: "ctrl-exec: web-03: never ran: it was cancelled by ann before its batch began\n",
    });
    session.type("y\r");
    expect(await session.ended()).toBe(1);
    expect(ran()).toEqual(["web-01", "web-02"]);
    const states = ["ended", "ended", "never-ran", "never-ran", "never-ran"];
    expect(await recorded(reqid)).toEqual(HOSTS.map((host, at) => `${host} ${states[at]}`));
    const { results } = JSON.parse((await control.run("status", [reqid, "--json"])).out);
    for (const at of [2, 4]) {
      expect(results[at]).toMatchObject({
        ...{ host: HOSTS[at], cancelled_by: "ann" },
        error: "it was cancelled by ann before its batch began",
      });
    }
  });

  test("Ctrl-D at the question: what is shown next begins a line", async () => {
    const session = onTerminal("deploy", "--batch", "3", "--confirm");
    await session.seen(/Go on with batch 2 of 2/);
    session.type("\u0004");
    expect(await session.ended()).toBe(3);
    expect(session.screen).toMatch(/\[y\/N\] .*\r\n==> /);
    expect(ran()).toEqual(HOSTS.slice(0, 3));
  });

  test("Ctrl-C at the question", async () => {
    const session = onTerminal("deploy", "--batch", "3", "--confirm");
    await session.seen(/Go on with batch 2 of 2/);
    session.type(CTRL_C);
    await session.ended();
    expect(session.signal).toBe("SIGINT");
    // What is shown next begins a line.
    expect(session.screen).toMatch(/\[y\/N\] \^C\r\n==> /);
    expect(ran()).toEqual(HOSTS.slice(0, 3));
  });
});

test("at most one host of each rack is asked at once, by the control host's own tags", async () => {
  await control.mustRun("tag", ["web-[01-03]", "rack=a"]);
  await control.mustRun("tag", ["web-[04-05]", "rack=b"]);
  const would = await control.mustRun("run", [
    "@all",
    "deploy",
    "--per-tag",
    "rack=1",
    "--dry-run",
  ]);
  const rows = would.out.trimEnd().split("\n").slice(2);
  expect(rows.map((row) => row.split(/ {2,}/).slice(0, 3).join(" "))).toEqual([
    ...["1 rack=a web-01", "1 rack=b web-04", "2 rack=a web-02", "2 rack=b web-05"],
    "3 rack=a web-03",
  ]);
  const { err } = await control.mustRun("run", [
    ...["@all", "deploy", "--per-tag", "rack=1", "--json-stream"],
  ]);
  expect(err.split("\n").slice(0, -1)).toEqual([
    "batch 1 of 3: 2 hosts",
    "batch 2 of 3: 2 hosts",
    "batch 3 of 3: 1 host",
  ]);
});

test("T76 a hook that refuses the second batch stops it there", async () => {
  const hook = control.folder.script("hook", '[ "$ENVEXEC_HOSTS" != web-02 ] || exit 3');
  const plain = readFileSync(control.config, "utf8");
  const config = control.folder.write("control/hooked.conf", `${plain}auth_hook = ${hook}\n`);
  const args = ["run", "@all", "deploy", "--batch", "1", "--config", config, "--log", "stderr"];
  const command = new Running("ctrl-exec", args);
  expect(await command.ended()).toBe(3);
  expect(command.err).toContain("Stopped after batch 1 of 5: denied: insufficient privilege\n");
  expect(ran()).toEqual(["web-01"]);
});

const KNOWN = "--resume knows its hosts and their ports: give the script alone";

test("what cannot be done is a usage error, and nothing runs", async () => {
  const wrong: readonly (readonly [args: string, message: string])[] = [
    ["@all deploy --batch 0", '--batch does not take "0"'],
    ["@all deploy --batch 1 --max-failures x", '--max-failures does not take "x"'],
    ["@all deploy --pause 5s", "--pause goes with --batch, --per-tag or --resume"],
    ["@all deploy --batch 1 --confirm", "--confirm asks on a terminal, and there is none"],
    ["@all deploy --batch 1 --confirm --detach", "--confirm asks on this terminal"],
    ["@all deploy --resume 0123456789abcdef", KNOWN],
    ["deploy --resume 0123456789abcdef --port 7443", KNOWN],
    ["deploy --resume 0123456789abcdef --limit 1", KNOWN],
    ["deploy --resume 0123456789abcdef --except web-01", KNOWN],
    ["deploy", "run needs <host>[:<port>]... <script>"],
  ];
  for (const [args, message] of wrong) {
    const { err, status } = await control.run("run", args.split(" "));
    expect([args, status, err]).toEqual([args, 2, expect.stringContaining(message)]);
  }
  expect(ran()).toEqual([]);
});

describe("over HTTP", () => {
  const rollout = { batch: [1, "40%"], check: "health", max_failures: 0 };
  const order = { hosts: ["@all"], script: "deploy", rollout };

  test("it is answered when it has ended, and gone on with", async () => {
    await using api = await TestApi.start(control);
    mark("web-03", "bad");
    const { status, json } = await api.post("/run", order);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      ok: true,
      rollout: {
        batches: 3,
        begun: 2,
        not_started: 2,
        stopped: expect.stringContaining("batch 2"),
      },
    });
    const { reqid } = json as { reqid: string };
    expect(await recorded(reqid)).toEqual(left("web-04", "web-05"));
    // The check began after its rollout, whichever was written last.
    const { json: list } = await api.get("/runs?limit=2");
    expect((list as { runs: object[] }).runs).toMatchObject([
      { script: "health", check_of: reqid },
      { script: "deploy", reqid },
    ]);
    const [{ reqid: check }] = (list as { runs: [{ reqid: string }] }).runs;
    expect((await control.run("status", [check])).err).toContain(
      `\nCheck of rollout ${reqid}; see: ctrl-exec status ${reqid} `,
    );
    const would = await api.post(`/runs/${reqid}/resume`, { script: "deploy", dry_run: true });
    expect([would.status, would.json]).toEqual([
      200,
      expect.objectContaining({
        dry_run: true,
        hosts: [
          expect.objectContaining({ host: "web-04", batch: 1 }),
          expect.objectContaining({ host: "web-05", batch: 2 }),
        ],
      }),
    ]);
    const other = await api.post(`/runs/${reqid}/resume`, { script: "health" });
    expect(other).toMatchObject({ status: 400, json: { error: "bad request" } });
    const again = await api.post(`/runs/${reqid}/resume`, { script: "deploy", wait: false });
    expect(again).toMatchObject({ status: 202, json: { ok: true, reqid, complete: false } });
    expect((await control.run("wait", [reqid])).status).toBe(1);
    expect(await recorded(reqid)).toEqual(left());
    const unknown = await api.post("/runs/00000000000000ff/resume", { script: "deploy" });
    expect(unknown.status).toBe(404);
    const wrong = await api.post("/run", { ...order, rollout: { batches: [1] } });
    expect(wrong).toMatchObject({
      status: 400,
      text: expect.stringContaining("did you mean batch"),
    });
  });

  test("when the API stops, the hosts of one that a client waits for are not started", async () => {
    await using api = await TestApi.start(control);
    const answer = api.post("/run", { ...order, rollout: { batch: [1], pause: 3600 } });
    await until("the first batch is over", () => ran().length === 1);
    expect(await api.running.stop()).toBe(0);
    expect((await answer).json).toMatchObject({ ok: true, rollout: { not_started: 4 } });
    expect(await recorded(await newest())).toEqual(left(...HOSTS.slice(1)));
  });
});
