/** Host expressions on the command line and in the API: the same hosts, and the same refusals. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestApi } from "../../support/api.ts";
import { ControlHost } from "../../support/fleet.ts";

let control: ControlHost;

beforeAll(async () => {
  control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  for (const name of ["web-01", "web-02", "db-01"]) {
    const scripts = {
      report: "echo fine",
      fail: `[ "$(hostname)" = x ] || exit ${name === "db-01" ? 3 : 0}`,
    };
    await control.startAgent(name, { scripts });
  }
});

afterAll(async () => await control[Symbol.asyncDispose]());

async function pinged(...args: string[]): Promise<string[]> {
  const { out } = await control.mustRun("ping", [...args, "--json"]);
  return (JSON.parse(out) as { results: { host: string }[] }).results.map(({ host }) => host);
}

test("ping: node sets, globs, all, and what is left out", async () => {
  expect(await pinged("web-[01-02]")).toEqual(["web-01", "web-02"]);
  expect(await pinged("web-*", "db-01")).toEqual(["web-01", "web-02", "db-01"]);
  expect(await pinged("@all!web-01", "--except", "db-*")).toEqual(["web-02"]);
  expect(await pinged("@all", "--limit", "34%")).toHaveLength(2);
});

test("run: on those alone where another run failed", async () => {
  const all = await control.run("run", ["@all", "fail", "--json"]);
  const [{ reqid }] = (JSON.parse(all.out) as { results: [{ reqid: string }] }).results;
  const again = await control.mustRun("run", [`@failed=${reqid}`, "report"]);
  expect(again.out).toMatch(/^==> db-01 {2}\[OK .*\]\nfine\n$/);
  const missed = await control.run("run", [`@missed=${reqid}`, "report"]);
  expect([missed.status, missed.out]).toEqual([2, ""]);
  expect(missed.err).toContain(`Cannot find any host: no host matches "@missed=${reqid}"`);
});

test.each([
  [
    "web-[01-03]",
    "Cannot find host web-03: nothing is registered under that name\nDid you mean web-01?",
  ],
  ["wbe-*", 'Cannot find any host: no host matches "wbe-*"\nSee: ctrl-exec list-agents'],
  ["@all!web-3", "Cannot find host web-3: nothing is registered under that name"],
  ["web-[1-", 'Cannot read the hosts "web-[1-": [ is not closed\nA node set is'],
  ["web-01,,db-01", "expected a host before , (character 8)\nFor example"],
  ["@every", "@every has no meaning; expected @all, @stale"],
])("%s runs nowhere, and the caller is told why", async (hosts, why) => {
  const { status, out, err } = await control.run("run", [hosts, "report"]);
  expect([status, out]).toEqual([2, ""]);
  expect(err).toContain(why);
});

test("the API takes the same, with what is left out and how many", async () => {
  await using api = await TestApi.start(control);
  const run = async (choice: object) => await api.post("/run", { script: "report", ...choice });
  const hostsOf = ({ json }: { json: unknown }) =>
    (json as { results: { host: string }[] }).results.map(({ host }) => host);
  expect(hostsOf(await run({ hosts: ["@all"], except: ["web-02"] }))).toEqual(["db-01", "web-01"]);
  expect(hostsOf(await run({ hosts: ["web-[01-02]"], limit: "50%" }))).toHaveLength(1);
  const { status, json } = await run({ hosts: ["web-[01-03]"] });
  expect([status, json]).toMatchObject([400, { detail: expect.stringContaining("host web-03") }]);
  for (const wrong of [{ hosts: ["@every"] }, { hosts: ["@all"], limit: "0" }]) {
    expect((await run(wrong)).status).toBe(400);
  }
});
