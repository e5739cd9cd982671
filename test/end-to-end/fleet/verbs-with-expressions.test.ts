/** Host expressions in the modes besides run and ping, and hosts from a file. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestApi } from "../../support/api.ts";
import { ControlHost } from "../../support/fleet.ts";
import { Gate, passes } from "../../support/gate.ts";

let control: ControlHost;
let gate: Gate;

beforeAll(async () => {
  control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  gate = await Gate.shut(control.folder.join("gate"));
  for (const name of ["web-01", "web-02", "db-01"]) {
    const scripts = {
      waits: passes(gate.path),
      report: "echo fine",
      ...(name === "db-01" ? { backup: "true" } : {}),
    };
    await control.startAgent(name, { scripts });
  }
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
  gate[Symbol.dispose]();
});

test("hosts from a file and from standard input, besides those that are typed", async () => {
  const file = control.folder.write("hosts.txt", "# all of them\nweb-[01-02] web-01\n");
  const ran = await control.mustRun("run", ["--hosts-from", file, "report", "--json"]);
  const hostsOf = ({ out }: { out: string }) =>
    (JSON.parse(out) as { results: { host: string }[] }).results.map(({ host }) => host);
  expect(hostsOf(ran)).toEqual(["web-01", "web-02"]);
  const args = ["db-01", "--hosts-from", "-", "--except", "web-02", "--json"];
  const pinged = await control.mustRun("ping", args, { input: "web-*\nweb-01\n" });
  expect(hostsOf(pinged)).toEqual(["db-01", "web-01"]);
});

test("hosts from a file: what is missing, or wrong in it, runs nowhere", async () => {
  const file = control.folder.write("wrong.txt", "web-01\nweb-[1-\n");
  const refused = async (...args: string[]) => {
    const { status, out, err } = await control.run("run", args, { input: "" });
    expect(out).toBe("");
    return [status, err];
  };
  expect(await refused("--hosts-from", file, "report")).toEqual([
    2,
    expect.stringContaining(`Cannot take hosts from ${file}, line 2: Cannot read the hosts`),
  ]);
  expect(await refused("--hosts-from", "-", "report")).toEqual([
    2,
    expect.stringContaining("Cannot take hosts from standard input: it names no host\n"),
  ]);
  expect(await refused("report")).toEqual([2, expect.stringContaining("run needs <host>")]);
  expect(await refused("report", "--hosts-from=-", "--token-file=-")).toEqual([
    2,
    expect.stringContaining(
      "there is one standard input\nPut the hosts into a file, or the token.",
    ),
  ]);
});

test("list-agents and serial-status show whom an expression names", async () => {
  const names = ({ out }: { out: string }) => out.match(/^(?:web|db)-\d+/gm);
  expect(names(await control.mustRun("list-agents", ["web-*"]))).toEqual(["web-01", "web-02"]);
  expect(names(await control.mustRun("list-agents", ["--except", "web-*"]))).toEqual(["db-01"]);
  expect(
    names(await control.mustRun("serial-status", ["@all!db-01", "--limit", "1"])),
  ).toHaveLength(1);
  const { out } = await control.mustRun("list-agents", ["web-02", "--json"]);
  expect(JSON.parse(out)).toMatchObject([{ hostname: "web-02" }]);
  for (const mode of ["list-agents", "serial-status"]) {
    const { status, out, err } = await control.run(mode, ["web-03"]);
    expect([status, out]).toEqual([2, ""]);
    expect(err).toContain(
      "Cannot find host web-03: nothing is registered under that name\nDid you",
    );
  }
});

test("cancel: the hosts of the run that an expression names, here and in the API", async () => {
  const detached = await control.mustRun("run", ["@all", "waits", "--detach"]);
  const reqid = detached.out.trim();
  const cancel = async (...args: string[]) => await control.run("cancel", [reqid, ...args]);
  expect(await cancel("web-*", "--except", "web-02")).toMatchObject({
    status: 0,
    out: "web-01: ended\n",
  });
  for (const [hosts, why] of [
    [
      "web-03",
      `Cannot find web-03: it is not one of the hosts of run ${reqid}\nIts hosts: db-01, web-01, web-02`,
    ],
    ["x-*", `Cannot find any host of run ${reqid} that is meant`],
    ["web-[", "Cannot read the hosts"],
  ] as const) {
    const { status, out, err } = await cancel(hosts);
    expect([status, out, err]).toEqual([2, "", expect.stringContaining(why)]);
  }
  await using api = await TestApi.start(control);
  const { json } = await api.post(`/runs/${reqid}/cancel`, { hosts: ["@all"], except: ["db-*"] });
  expect(json).toMatchObject({
    results: [
      { host: "web-01", status: "not-running" },
      { host: "web-02", status: "ended" },
    ],
  });
  expect((await cancel(`@all!@failed=${reqid}`)).out).toBe("db-01: ended\n");
});

test("run --dry-run: who would be asked, and nobody is", async () => {
  const before = await control.mustRun("list-runs", ["--json"]);
  const args = ["web-*", "x1.invalid:7000", "report", "--dry-run", "--detach"];
  const { out, err } = await control.mustRun("run", [...args, "--", "two words"]);
  const [web1, web2] = control.agents;
  expect(out.replaceAll(/ +/g, " ")).toBe(
    [
      "HOST REGISTERED ADDRESS",
      "---------- ---------- ---------------",
      `web-01 yes 127.0.0.1:${web1?.port}`,
      `web-02 yes 127.0.0.1:${web2?.port}`,
      "x1.invalid no x1.invalid:7000",
      "",
    ].join("\n"),
  );
  expect(err).toBe(
    "Dry run: 3 hosts would be asked for report -- 'two words'. No host was asked.\n",
  );
  const { out: json } = await control.mustRun("run", ["db-01", "report", "--dry-run", "--json"]);
  expect(JSON.parse(json)).toEqual({
    ...{ ok: 1, dry_run: true, script: "report", args: [] },
    hosts: [
      { host: "db-01", registered: true, address: "127.0.0.1", port: control.agents[2]?.port },
    ],
  });
  expect((await control.mustRun("list-runs", ["--json"])).out).toBe(before.out);
  expect(await control.log.seen("dry-run")).toMatchObject({
    fields: { HOSTS: "web-01,web-02,x1.invalid", SCRIPT: "report" },
  });
  const nobody = await control.run("run", ["x-*", "report", "--dry-run"]);
  expect([nobody.status, nobody.out]).toEqual([2, ""]);
});

test("discovery: which scripts are where", async () => {
  const found = await control.mustRun("discovery");
  expect(found.out).toBe(
    [
      "SCRIPT  HOSTS  WHERE",
      "------  -----  -----",
      "backup      1  db-01",
      "report      3  db-01,web-[01-02]",
      "waits       3  db-01,web-[01-02]",
      "",
    ].join("\n"),
  );
  const wide = await control.mustRun("list-scripts", ["web-*", "--limit", "1", "--wide"]);
  expect(wide.out.replaceAll(/ +/g, " ")).toMatch(
    /^HOST .*\n-.*\n(web-0\d) \S+ waits yes \/\S*waits\.sh\n\1 \S+ report yes \/\S*report\.sh\n$/,
  );
  const missed = await control.run("discovery", ["db-01", "x1.invalid", "x2.invalid:1"]);
  expect([missed.status, missed.out]).toEqual([
    1,
    expect.stringContaining("backup      1  db-01\n"),
  ]);
  expect(missed.err).toContain("x1.invalid");
  const nobody = await control.run("discovery", ["x-*"]);
  expect([nobody.status, nobody.out]).toEqual([2, ""]);
});
