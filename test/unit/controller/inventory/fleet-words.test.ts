/** What completions may name, from what is at hand alone. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  fleetWords,
  hostsAtHand,
  scriptsAtHand,
} from "../../../../src/controller/inventory/fleet-words.ts";
import type { AgentRecord } from "../../../../src/controller/store/agent-record.ts";
import type { HostContext } from "../../../../src/controller/store/host.ts";
import type { Tags } from "../../../../src/core/tags.ts";
import { TestFolder } from "../../../support/folder.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

const HOSTS = ["db-01", "web-01", "web-02"];
const folder = new TestFolder();
let fleet: LocalFleet;
let host: HostContext;

beforeAll(async () => {
  // Nobody starts these: each would leave its mark.
  const command = folder.script("command", `touch ${folder.join("command-ran")}; echo '{"a":[]}'`);
  const hook = folder.script("hook", `touch ${folder.join("hook-ran")}`);
  fleet = await LocalFleet.bare([`auth_hook = ${hook}`, `group_command = ${command}`]);
  host = fleet.controller;
  for (const hostname of HOSTS) {
    const own = hostname === "web-02" ? { tags: { env: "own" } } : {};
    fleet.folder.write(
      `control/state/agents/${hostname}.json`,
      JSON.stringify({ hostname, ip: "127.0.0.1", ...own }),
    );
  }
  fleet.folder.write("control/groups.d/a.toml", "[webs]\nhosts = 'web-*'\n");
  await host.store.learned.learn(
    new Map([
      ["web-01", { tags: { env: "test", rack: "7" }, version: "1.1.0", scripts: ["deploy"] }],
      ["web-02", { tags: { env: "claimed" }, version: "1.0.2", scripts: ["deploy", "report"] }],
    ]),
  );
  fleet.folder.write(
    "control/state/runs/a1b2c3d4e5f60718.json",
    JSON.stringify({
      ...{ reqid: "a1b2c3d4e5f60718", script: "backup", hosts: ["db-01"] },
      results: [{ host: "db-01", exit: 0 }],
    }),
  );
});
afterAll(async () => {
  expect([folder.has("command-ran"), folder.has("hook-ran")]).toEqual([false, false]);
  await fleet[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

test("tags are those that an expression would mean, and versions those that were told", async () => {
  expect(await fleetWords(host)).toEqual({
    tags: new Map([
      ["env", new Set(["test", "own"])],
      ["rack", new Set(["7"])],
    ]),
    versions: new Set(["1.1.0", "1.0.2"]),
  });
  const config = { ...host.config, agent_tags: "ignore" } as const;
  expect(await fleetWords({ ...host, config })).toEqual({
    tags: new Map([["env", new Set(["own"])]]),
    versions: new Set(),
  });
});

test("of keys, of the values of a key, and of versions there are a thousand at most", async () => {
  const { registry, learned } = host.store;
  const names = Array.from({ length: 1001 }, (_, number) => `h${number}`);
  const record = (tags: Tags) => ({ tags }) as AgentRecord;
  // The key that all of them have is the thousandth.
  const keys = names.slice(0, 999).map((name) => [name, "x"] as const);
  const records = async () =>
    new Map([
      ["first", record(Object.fromEntries([...keys, ["env", "x"], ["more", "x"]]))],
      ...names
        .slice(1)
        .map((name) => [name, record({ env: name, [`${name}-more`]: "x" })] as const),
    ]);
  const version = (value: string) => ({ value, at: new Date(0) });
  const known = async () =>
    new Map(
      names.map((name) => [
        name,
        { contact: new Date(0), version: version(`1.0.${name}`), tags: undefined },
      ]),
    );
  const many = {
    ...host,
    store: {
      ...host.store,
      registry: Object.assign(Object.create(registry), { records }),
      learned: Object.assign(Object.create(learned), { known }),
    },
  };
  const { tags, versions } = await fleetWords(many);
  const values = tags.get("env") ?? new Set();
  expect([tags.size, values.size, versions.size]).toEqual([1000, 1000, 1000]);
  expect([values.has("h999"), values.has("h1000"), tags.has("more")]).toEqual([true, false, false]);
});

test("hosts are those of what was typed, with groups as far as they are known", async () => {
  expect(await hostsAtHand(host, ["web-*", "db-01"])).toEqual(["web-01", "web-02", "db-01"]);
  expect(await hostsAtHand(host, ["@env=test", "x1.invalid:7000"])).toEqual([
    "web-01",
    "x1.invalid",
  ]);
  expect(await hostsAtHand(host, ["@@webs"])).toEqual(["web-01", "web-02"]);
  // Only the program would know that one.
  expect(await hostsAtHand(host, ["@@a"])).toEqual([]);
  expect(await hostsAtHand(host, [])).toBeUndefined();
  expect(await hostsAtHand(host, ["(web-01"])).toBeUndefined();
});

test("hosts of a run are not looked up: the hook would be asked", async () => {
  expect(await hostsAtHand(host, ["@failed=a1b2c3d4e5f60718"])).toBeUndefined();
});

test("scripts are those that one of the hosts has told or run", async () => {
  expect(await scriptsAtHand(host, ["WEB-01"])).toEqual(["deploy"]);
  expect(await scriptsAtHand(host, ["web-02", "db-01"])).toEqual(["backup", "deploy", "report"]);
  expect(await scriptsAtHand(host, undefined)).toEqual(["backup", "deploy", "report"]);
  expect(await scriptsAtHand(host, [])).toEqual([]);
});

test("scripts are those of runs alone where what the hosts have reported cannot be read", async () => {
  const scripts = () => Promise.reject(new Error("no database"));
  const learned = Object.assign(Object.create(host.store.learned), { scripts });
  const blind = { ...host, store: { ...host.store, learned } };
  expect(await scriptsAtHand(blind, ["web-02", "db-01"])).toEqual(["backup"]);
});

test("T78 a script that no allowlist can hold, that reads as an option, or that is ours is not named", async () => {
  const scripts = ["ok", "--output=x", "-x", "$(reboot)", "a b", "a\nb", "update-ctrl-exec-serial"];
  await host.store.learned.learn(new Map([["db-01", { scripts }]]));
  expect(await scriptsAtHand(host, ["db-01"])).toEqual(["backup", "ok"]);
});
