/** T77: what of an expression rests on the word of an agent alone. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { ResolvedTarget } from "../../../../src/controller/fleet/targets.ts";
import { targetOf } from "../../../../src/controller/fleet/targets.ts";
import { claims } from "../../../../src/controller/inventory/claims.ts";
import type { HostNews } from "../../../../src/controller/store/ports/learned.ts";
import type { ControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { parseHostExpression } from "../../../../src/core/hosts/parse-expression.ts";
import type { Tags } from "../../../../src/core/tags.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
beforeEach(async () => {
  fleet = await LocalFleet.bare();
});
afterEach(() => fleet[Symbol.asyncDispose]());

async function targets(hosts: Readonly<Record<string, Tags>>): Promise<ResolvedTarget[]> {
  for (const [hostname, tags] of Object.entries(hosts)) {
    const record = JSON.stringify({ hostname, ip: "10.0.0.1", tags });
    fleet.folder.write(`control/state/agents/${hostname}.json`, record);
  }
  const { registry } = fleet.controller.store;
  const found = await registry.findAll(Object.keys(hosts));
  return [...found].map(([name, registered]) => targetOf(name, registered));
}

/** By the names of the hosts. */
async function claimed(text: string, of: readonly ResolvedTarget[], agent_tags = "use") {
  const config = { ...fleet.controller.config, agent_tags } as ControllerConfig;
  const found = await claims({ ...fleet.controller, config }, parseHostExpression(text), of);
  return Object.fromEntries([...found].map(([{ name }, claim]) => [name, claim]));
}

const learn = async (news: Readonly<Record<string, HostNews>>) =>
  await fleet.controller.store.learned.learn(new Map(Object.entries(news)));

test("its own words of the keys that are asked for, also that it has none; and no other", async () => {
  const all = await targets({ "web-01": {}, "web-02": { role: "db" }, "web-03": {} });
  const tags = { role: "db", env: "test" };
  await learn({ "web-01": { tags, version: "1.0" }, "web-02": { tags }, "web-03": {} });
  expect(await claimed("@role=db", all)).toEqual({
    "web-01": { tags: { role: "db" }, version: undefined },
  });
  expect(await claimed("@role=db,(@site!=far)", all)).toEqual({
    "web-01": { tags: { role: "db", site: null }, version: undefined },
    "web-02": { tags: { site: null }, version: undefined },
  });
  expect(await claimed("web-*,@stale", all)).toEqual({});
  expect(await claimed("@role=db", all, "ignore")).toEqual({});
});

test("its version, where the expression looks at one", async () => {
  const all = await targets({ "web-01": {}, "web-02": {} });
  await learn({ "web-01": { version: "1.0" }, "web-02": { tags: { role: "db" } } });
  expect(await claimed("@version<1.1", all)).toEqual({ "web-01": { tags: {}, version: "1.0" } });
  expect(await claimed("@version<1.1", all, "ignore")).toEqual({});
  expect(await claimed("@role=db", all)).toEqual({
    "web-02": { tags: { role: "db" }, version: undefined },
  });
});

test("of a host that is not registered, or claims too much, it is not known what it claims", async () => {
  const all = await targets({ "web-01": {} });
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`${i}`, "x".repeat(9)]));
  await learn({ "web-01": { tags: many, version: "1.0" } });
  expect(await claimed("@role=db", all)).toEqual({});
  expect(await claimed("@role=db,@version<2", all)).toEqual({
    "web-01": { tags: {}, version: "1.0" },
  });
  expect(await claimed("@version<2", [targetOf("web-01", undefined)])).toEqual({});
});

test("where nothing is asked for, nothing that the hosts have reported is read", async () => {
  const [web] = await targets({ "web-01": {} });
  const known = () => Promise.reject(new Error("it was read"));
  const learned = Object.assign(Object.create(fleet.controller.store.learned), { known });
  const blind = { ...fleet.controller, store: { ...fleet.controller.store, learned } };
  const ask = async (text: string) => await claims(blind, parseHostExpression(text), [web!]);
  expect((await ask("web-*,@all,@expiring=30d")).size).toBe(0);
  await expect(ask("@role=db")).rejects.toThrow("it was read");
  await expect(ask("@version<1")).rejects.toThrow("it was read");
});
