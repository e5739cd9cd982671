/** Groups of hosts on the command line and in the API: from files, and from a program that prints Ansible's inventory. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TestApi } from "../../support/api.ts";
import { ControlHost } from "../../support/fleet.ts";
import { TestFolder, until } from "../../support/folder.ts";
import { Gate, passes } from "../../support/gate.ts";

const ANSIBLE = join(import.meta.dir, "../../support/ansible-inventory.json");

const folder = new TestFolder();
const gate = folder.join("gate");
let control: ControlHost;

/** A hook that refuses the token "no", and a program that fails when a test wants it to. */
beforeAll(async () => {
  const hook = folder.script("hook", `cat >>${folder.join("told")}; [ "$ENVEXEC_TOKEN" != no ]`);
  const command = folder.script(
    "command",
    `echo >>${folder.join("starts")}
${passes(gate)}
[ ! -e ${folder.join("broken")} ] || { echo 'no inventory today' >&2; exit 4; }
cat ${ANSIBLE}`,
  );
  control = await ControlHost.create([
    "api_port = 0",
    `auth_hook = ${hook}`,
    `group_command = ${command}`,
  ]);
  for (const name of ["web-01", "web-02", "db-01"]) {
    await control.startAgent(name, { scripts: { report: "echo fine" } });
  }
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** What earlier tests have left. */
beforeEach(() => {
  for (const name of ["starts", "broken", "told"]) rmSync(folder.join(name), { force: true });
  rmSync(control.folder.join("control/state/groups.json"), { force: true });
  groups('[near]\nhosts = ["web-*", "@@db"]\nexcept = "web-02,db-02"\n');
});

function groups(text: string): void {
  control.folder.write("control/groups.d/fleet.toml", text);
}

function starts(): number {
  const file = folder.join("starts");
  return existsSync(file) ? readFileSync(file, "utf8").length : 0;
}

async function pinged(...args: string[]): Promise<string[]> {
  const { out } = await control.mustRun("ping", [...args, "--json"]);
  return (JSON.parse(out) as { results: { host: string }[] }).results.map(({ host }) => host);
}

test("the hosts of groups, with every operator, and the program is asked once", async () => {
  expect(await pinged("@@near")).toEqual(["web-01", "db-01"]);
  expect(await pinged("@@web!web-03")).toEqual(["web-01", "web-02"]);
  expect(await pinged("@all", "--except", "@@db")).toEqual(["web-01", "web-02"]);
  expect(starts()).toBe(1);
});

test("a host that is not registered is called by its name; one in a node set is an error", async () => {
  const { status, out } = await control.run("run", ["@@web", "report", "--json"]);
  const { results } = JSON.parse(out) as { results: { host: string; state: string }[] };
  expect([status, results.map(({ host, state }) => `${host} ${state}`)]).toEqual([
    1,
    ["web-01 ended", "web-02 ended", "web-03 never-ran"],
  ]);
  groups('[odd]\nhosts = ["web-[01-03]"]');
  const odd = await control.run("run", ["@@odd", "report"]);
  expect([odd.status, odd.out]).toEqual([2, ""]);
  expect(odd.err).toContain("Cannot find host web-03 of group @@odd: nothing is registered");
});

test("list-groups shows where each is from and whom it has", async () => {
  const { out } = await control.mustRun("list-groups", []);
  expect(out).toBe(
    [
      "GROUP      FROM           COUNT  HOSTS",
      "---------  -------------  -----  ---------------------------",
      "all        group_command  6      db-[01-02],jump,web-[01-03]",
      "app        group_command  5      db-[01-02],web-[01-03]",
      "db         group_command  2      db-[01-02]",
      "near       fleet.toml     2      db-01,web-01",
      "spare      group_command  0",
      "ungrouped  group_command  1      jump",
      "web        group_command  3      web-[01-03]",
      "",
    ].join("\n"),
  );
  const { out: json } = await control.mustRun("list-groups", ["@@near", "--json"]);
  expect(JSON.parse(json)).toEqual([
    {
      name: "near",
      from: "file",
      where: control.folder.join("control/groups.d/fleet.toml"),
      hosts: ["web-01", "db-01"],
      count: 2,
    },
  ]);
});

test("what is wrong with groups is said, and nothing runs", async () => {
  const unknown = await control.run("run", ["@@naer", "report"]);
  expect([unknown.status, unknown.out]).toEqual([2, ""]);
  expect(unknown.err).toContain(
    "Cannot find group @@naer: no group has that name\nDid you mean @@near?",
  );
  groups("[near]\nhost = ['a']");
  const broken = await control.run("run", ["@@near", "report"]);
  expect([broken.status, broken.out]).toEqual([78, ""]);
  expect(broken.err).toContain("fleet.toml: line 2: [near] host: unknown key; did you mean hosts?");
  expect((await control.run("list-groups", [])).status).toBe(78);
  groups('[a]\nhosts = "@@b"\n[b]\nhosts = "@@a"\n[c]\nhosts = "db-01"');
  const circle = await control.run("run", ["@@a", "report"]);
  expect([circle.status, circle.out]).toEqual([78, ""]);
  expect(circle.err).toContain("it contains itself: @@a has @@b has @@a");
  const list = await control.run("list-groups", ["a", "c"]);
  expect(list.status).toBe(1);
  expect(list.out).toMatch(/^a +fleet.toml +0\?\nc +fleet.toml +1 +db-01\n$/m);
  expect(list.err).toContain("it contains itself");
});

test("a program that fails refuses what needs it, and nothing else", async () => {
  folder.write("broken", "");
  const { status, out, err } = await control.run("run", ["@@web", "report"]);
  expect([status, out]).toEqual([1, ""]);
  expect(err).toContain("Cannot find the groups: group_command ended with status 4");
  groups('[web]\nhosts = "web-01"');
  expect(await pinged("@@web")).toEqual(["web-01"]);
  const list = await control.run("list-groups", []);
  expect([list.status, list.out]).toEqual([1, expect.stringContaining("web ")]);
  expect(list.err).toContain("group_command ended with status 4");
  expect(starts()).toBe(2);
});

test("T76 whom the hook refuses learns nothing, and cannot start the program over and over", async () => {
  await using api = await TestApi.start(control);
  const ask = (hosts: string, token: string) =>
    api.post("/ping", { hosts: [hosts], username: "x", token });
  using shut = await Gate.shut(gate);
  const waiting = ["@@web", "@@none", "@@near"].map((hosts) => ask(hosts, "no"));
  const allowed = ask("@@web!web-03", "yes");
  await until("it is started", () => starts() === 1);
  await shut.open();
  const refused = await Promise.all(waiting);
  expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([403]));
  expect(new Set(refused.map(({ text }) => text))).toHaveLength(1);
  expect((await allowed).json).toMatchObject({ results: [{ host: "web-01" }, { host: "web-02" }] });
  expect((await ask("@@none", "no")).text).toBe(refused[0]?.text ?? "");
  expect((await ask("@@none", "yes")).json).toMatchObject({
    detail: "Cannot find group @@none: no group has that name",
  });
  expect(starts()).toBe(1);
});

test("T76 nor when it fails, which the API says to those who may know it", async () => {
  folder.write("broken", "");
  await using api = await TestApi.start(control);
  const ask = (token: string) =>
    api.post("/run", { hosts: ["@@web"], script: "report", username: "x", token });
  const refused = await Promise.all([ask("no"), ask("no"), ask("no")]);
  expect(refused.map(({ status }) => status)).toEqual([403, 403, 403]);
  const { status, json } = await ask("yes");
  expect([status, json]).toMatchObject([
    503,
    { error: "busy", detail: expect.stringContaining("group_command ended with status 4") },
  ]);
  expect(starts()).toBe(1);
  expect(api.logged("group-command-fail")).toMatchObject([
    { ERROR: "ended with status 4; it said: no inventory today" },
  ]);
});

test("a caller of the API is told in words that a group has a fault, and the log has the file", async () => {
  await using api = await TestApi.start(control);
  const REMOTE = { ok: false, hint: "The operator of the control host can correct it." };
  const ask = async (path: string, token: string, body: object = {}) => {
    const { status, json } = await api.post(path, {
      hosts: ["@@a"],
      username: "x",
      token,
      ...body,
    });
    return [status, json];
  };
  const reqid = (await control.mustRun("run", ["web-01", "report", "--detach"])).out.trim();
  const routes = [
    ...(["/ping", "/discovery", `/runs/${reqid}/cancel`] as const).map((path) => [path] as const),
    ["/run", { script: "report" }] as const,
  ];
  for (const [text, words] of [
    [
      '[a]\nhosts = "@@b"\n[b]\nhosts = "@@a"',
      "Cannot use group @@a: it contains itself: @@a has @@b has @@a",
    ],
    ["[a]\nhosts = []", "Cannot use group @@a: line 2: its hosts are an empty list"],
    ["[near]\nhost = ['a']", "Cannot use groups: a file in groups.d has a fault"],
  ] as const) {
    groups(text);
    for (const [path, body] of routes) {
      expect([path, await ask(path, "yes", body)]).toEqual([
        path,
        [400, { ...REMOTE, error: "bad request", detail: words }],
      ]);
      expect(await ask(path, "no", body)).toMatchObject([403, { error: "denied" }]);
    }
    const listed = await api.get("/runs?host=@@a", { Authorization: "Bearer yes" });
    expect([listed.status, listed.json]).toMatchObject([400, { detail: words }]);
  }
  const errors = api.logged("api-error").map(({ ERROR = "" }) => ERROR);
  expect(errors).toHaveLength(15);
  for (const error of errors) expect(error).toContain("fleet.toml");
});

test("the API says of its files what is wrong when it starts", async () => {
  groups("[near]\nhost = ['a']");
  await using api = await TestApi.start(control);
  expect(api.logged("config-warn")).toMatchObject([
    { KEY: "groups.d", MSG: expect.stringContaining("did you mean hosts?") },
  ]);
});
