/** Groups in a request: the hook is told their hosts, and whoever it refuses learns nothing of them (T67, T76). */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import type { Caller } from "../../../../src/controller/access/authorize.ts";
import { authorizedHosts } from "../../../../src/controller/access/authorized-hosts.ts";
import { asCtrlExecError } from "../../../../src/core/errors.ts";
import { TestFolder } from "../../../support/folder.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

const ACTION = { action: "ping", script: "", args: [] } as const;

let folder: TestFolder;
let fleet: LocalFleet;

beforeEach(() => {
  folder = new TestFolder();
});
afterEach(async () => {
  await fleet[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** A hook that refuses whoever gives the token "no", and groups of each kind. */
async function setUp(command = `echo '{"cloud": ["web-02", "vm-1"], "web": ["db-01"]}'`) {
  const hook = folder.script("hook", `cat >${folder.join("told")}\n[ "$ENVEXEC_TOKEN" != no ]`);
  const program = folder.script("command", `echo >>${folder.join("starts")}\n${command}`);
  fleet = await LocalFleet.bare([`auth_hook = ${hook}`, `group_command = ${program}`]);
  for (const hostname of ["web-01", "web-02", "db-01"]) {
    const record = { hostname, ip: "10.0.0.1", expiry: "", paired: "" };
    fleet.folder.write(`control/state/agents/${hostname}.json`, JSON.stringify(record));
  }
  groups(`[web]\nhosts = "web-*"\n[odd]\nhosts = ["web-[01-03]"]\n[mixed]\nhosts = "@@cloud"`);
}

function groups(text: string): void {
  fleet.folder.write("control/groups.d/x.toml", text);
}

async function choose(text: string, caller: Partial<Caller> = {}): Promise<string> {
  const choice = { hosts: [text], port: undefined };
  const by = { ...CALLER, ...caller };
  const targets = await authorizedHosts(fleet.controller, by, ACTION, choice);
  return targets.map(({ label }) => label).join(" ");
}

async function refusal(text: string, caller: Partial<Caller> = {}) {
  const { code, message, hint, remoteHint } = await choose(text, caller).then(
    () => expect.unreachable("it was not refused"),
    asCtrlExecError,
  );
  return { code, message, hint, remoteHint };
}

function starts(): number {
  return existsSync(folder.join("starts")) ? readFileSync(folder.join("starts"), "utf8").length : 0;
}

test("a group of groups.d wins over one of group_command, which is then not started", async () => {
  await setUp("exit 1");
  expect(await choose("@@web!web-02")).toBe("web-01");
  expect(starts()).toBe(0);
});

test("T76 the hook is told a group's hosts, and they are called", async () => {
  await setUp();
  expect(await choose("@@mixed,@@web")).toBe("web-02 vm-1 web-01");
  expect(JSON.parse(readFileSync(folder.join("told"), "utf8")).hosts).toEqual([
    "web-02",
    "vm-1",
    "web-01",
  ]);
});

test("a group that there is not, and a host that there is not in a group", async () => {
  await setUp();
  expect(await refusal("@@claud")).toMatchObject({
    code: "bad-request",
    message: "Cannot find group @@claud: no group has that name",
    hint: "Did you mean @@cloud?",
  });
  expect((await refusal("@@nothing-like-it")).hint).toMatch(
    /^See: ctrl-exec list-groups --config /,
  );
  expect((await refusal("@@odd")).message).toBe(
    "Cannot find host web-03 of group @@odd: nothing is registered under that name",
  );
  groups('["big databases"]\nhosts = "web-01"');
  expect(await refusal("@@big")).toMatchObject({
    hint: `Did you mean '@@"big databases"'?`,
    remoteHint: 'Did you mean @@"big databases"?',
  });
});

test("T76 whoever is refused learns nothing of groups, whatever is wrong with them", async () => {
  await setUp("exit 1");
  const caller = { token: "no" };
  const refused = await refusal("web-01", caller);
  const typed = ["@@web", "@@odd", "@@none", "@@cloud"];
  for (const text of typed) expect(await refusal(text, caller)).toEqual(refused);
  expect(await refusal("@@cloud")).toMatchObject({ code: "busy" });
  groups("[web]\nhost = 'a'");
  for (const text of typed) expect(await refusal(text, caller)).toEqual(refused);
  expect(await refusal("@@web")).toMatchObject({ code: "unusable" });
});

test("T76 refused requests cannot start group_command over and over", async () => {
  await setUp("exit 1");
  const some = Array.from({ length: 8 }, (_, at) => refusal(`@@x${at}`, { token: "no" }));
  await Promise.all(some);
  await refusal("@@y", { token: "no" });
  expect(starts()).toBe(1);
});

test("T25 a web page cannot start it at all, nor can whoever no hook would let in", async () => {
  await setUp();
  const caller = { face: "api", origin: "https://evil.example" } as const;
  expect((await refusal("@@cloud", caller)).message).toBe("Denied: not for web pages");
  Object.assign(fleet.controller, { config: { ...fleet.controller.config, auth_hook: undefined } });
  expect((await refusal("@@cloud", { face: "api" })).code).toBe("denied");
  expect(starts()).toBe(0);
});

test("T76 what groups stand for counts as if it were typed", async () => {
  await setUp();
  groups("[a]\nhosts = 'x[1-60000]'\n[b]\nhosts = ['@@a', '@@a']");
  expect((await refusal("@@b")).message).toContain("stand for 120004 hosts; at most 100000");
  expect((await refusal("@@b", { token: "no" })).code).toBe("denied");
  groups(`[a]\nhosts = [${Array.from({ length: 65 }, () => '"@stale"').join()}]`);
  expect((await refusal("@@a")).message).toContain("at most 64 at once");
});
