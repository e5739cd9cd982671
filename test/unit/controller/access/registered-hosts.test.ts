/** What list-agents and serial-status take for hosts. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { registeredHosts } from "../../../../src/controller/access/registered-hosts.ts";
import type { HostChoice } from "../../../../src/controller/fleet/host-choice.ts";
import { asCtrlExecError } from "../../../../src/core/errors.ts";
import { TestFolder } from "../../../support/folder.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

const folder = new TestFolder();
let fleet: LocalFleet;

beforeAll(async () => {
  // Whoever asks is refused, if he is asked.
  const hook = folder.script("hook", "exit 1");
  fleet = await LocalFleet.create([`auth_hook = ${hook}`, "max_hosts = 2"]);
  for (const [hostname, ip] of [
    ["web-01", "10.0.0.1"],
    ["web-02", "10.0.0.2"],
    ["db-01", "10.0.0.3"],
  ]) {
    fleet.folder.write(`control/state/agents/${hostname}.json`, JSON.stringify({ hostname, ip }));
  }
  fleet.folder.write("control/state/agents/odd-01.json", "{");
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

async function named(choice: Partial<HostChoice>) {
  const all = { hosts: [], port: undefined, ...choice };
  const found = await registeredHosts(fleet.controller, CALLER, all);
  return found === undefined ? undefined : [...found];
}

test("without a word all are meant", async () => {
  expect(await named({})).toBeUndefined();
});

test.each<[Partial<HostChoice>, string[]]>([
  [{ hosts: ["web-*"] }, ["web-01", "web-02"]],
  [{ hosts: ["WEB-02", "web-[01-02]", "web-02"] }, ["web-01", "web-02"]],
  [{ hosts: ["10.0.0.3"] }, ["db-01"]],
  [{ hosts: ["web-01:7450"] }, ["web-01"]],
  [{ except: ["web-*"] }, ["db-01", "odd-01"]],
  [{ hosts: ["@all"] }, ["db-01", "odd-01", "web-01", "web-02"]],
])("%j, of however many there are, and no hook is asked", async (choice, hosts) => {
  expect(await named(choice)).toEqual(hosts);
});

test("a sample is one of those that are registered", async () => {
  expect(await named({ limit: { hosts: 3 } })).toHaveLength(3);
});

test.each<[Partial<HostChoice>, string, string]>([
  [{ hosts: ["web-03"] }, "Cannot find host web-03: nothing is registered", "Did you mean web-01?"],
  [{ hosts: ["web-01", "wbe-02"] }, "Cannot find host wbe-02: nothing", "Did you mean web-02?"],
  [{ hosts: ["x-*"] }, 'Cannot find any host: no host matches "x-*"', "See: ctrl-exec list-agents"],
  [{ hosts: ["192.0.2.1"] }, "Cannot find host 192.0.2.1: nothing", "See: ctrl-exec"],
])("%j is nobody", async (choice, message, hint) => {
  const refused = await named(choice).then(
    () => expect.unreachable("somebody was found"),
    asCtrlExecError,
  );
  expect(refused).toMatchObject({
    code: "bad-request",
    message: expect.stringContaining(message),
    hint: expect.stringContaining(hint),
  });
});

test("of a run that is named the hook is asked", async () => {
  const refused = await named({ hosts: ["@failed=0123456789abcdef"] }).catch(asCtrlExecError);
  expect(refused).toMatchObject({ code: "denied" });
});
