import { afterEach, beforeEach, expect, test } from "bun:test";
import { editAgent } from "../../../../src/controller/inventory/agents.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
beforeEach(async () => {
  fleet = await LocalFleet.bare();
  const record = { hostname: "web-01", ip: "192.0.2.7", port: 7450, lookup_by: "ip" };
  fleet.folder.write("control/state/agents/web-01.json", JSON.stringify(record));
});
afterEach(() => fleet[Symbol.asyncDispose]());

test("what is given is changed in the record, the rest stays as it was", async () => {
  const edit = async (changes: Parameters<typeof editAgent>[2]) => {
    const changed = await editAgent(fleet.controller, "WEB-01", changes);
    expect(fleet.record("web-01")).toEqual(changed);
    return [changed.ip, changed.port, changed.lookup_by];
  };
  expect(await edit({})).toEqual(["192.0.2.7", 7450, "ip"]);
  expect(await edit({ ip: "192.0.2.8" })).toEqual(["192.0.2.8", 7450, "ip"]);
  expect(await edit({ port: 7451 })).toEqual(["192.0.2.8", 7451, "ip"]);
  expect(await edit({ lookupBy: "hostname" })).toEqual(["192.0.2.8", 7451, "hostname"]);
  expect(fleet.log.of("edit-agent").at(-1)?.fields).toEqual({
    AGENT: "web-01",
    IP: "192.0.2.8",
    LOOKUP_BY: "hostname",
    PORT: 7451,
  });
});

test("a host that is not registered is named, and where those are that are", async () => {
  await expect(editAgent(fleet.controller, "web-02", { port: 1 })).rejects.toMatchObject({
    code: "not-found",
    message: "Cannot find web-02: no such host is registered",
    hint: `See: ctrl-exec list-agents --config ${fleet.controller.config.file}`,
  });
  expect(fleet.log.events).toEqual([]);
});
