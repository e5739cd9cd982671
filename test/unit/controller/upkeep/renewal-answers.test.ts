/** When a certificate is due, and what a renewal comes to that does not go as it should. An agent is played. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { AgentRecord } from "../../../../src/controller/store/agent-record.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import { changeAgents } from "../../../../src/controller/store/registry.ts";
import { renewalDueAt, renewalTime } from "../../../../src/controller/trust/renewal-due.ts";
import { renewSeen } from "../../../../src/controller/upkeep/renew-seen.ts";
import { dueForRenewal, renewAgents } from "../../../../src/controller/upkeep/renewal.ts";
import { addDays, isoSeconds, opensslTime } from "../../../../src/core/time.ts";
import { createCsr } from "../../../../src/pki/csr.ts";
import { generateKeyPem, readPrivateKey } from "../../../../src/pki/keys.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";
import { http10, onRequest, Peer } from "../../../support/peers.ts";

let fleet: LocalFleet;
beforeEach(async () => {
  fleet = await LocalFleet.create();
});
afterEach(() => fleet[Symbol.asyncDispose]());

describe("a certificate is due", () => {
  const begin = new Date("2026-01-01T00:00:00Z");
  const expires = addDays(begin, 365);
  const recordOf = (changes: Partial<AgentRecord> = {}) =>
    ({
      hostname: "web-01",
      paired: isoSeconds(begin),
      renewed: "",
      expiry: opensslTime(expires),
      serial_status: "current",
      ...changes,
    }) as AgentRecord;
  const dueAt = (changes?: Partial<AgentRecord>) => renewalDueAt(recordOf(changes), 365);
  const whenIssued = (issued: Date) => renewalTime({ hostname: "web-01", issued, expires });

  test("by what its record says of its life", () => {
    expect(dueAt()).toEqual(whenIssued(begin));
    const renewed = addDays(begin, 100);
    expect(dueAt({ renewed: isoSeconds(renewed) })).toEqual(whenIssued(renewed));
    expect(dueAt({ expiry: "" })).toBeUndefined();
    // Written while the clock was wrong: a usual life is assumed.
    for (const written of [expires, addDays(expires, 1)]) {
      expect(dueAt({ renewed: isoSeconds(written) })).toEqual(whenIssued(begin));
    }
  });

  const due = (at: Date, ...records: AgentRecord[]) =>
    dueForRenewal({ ...fleet.controller, now: () => at }, records).map(({ hostname }) => hostname);

  test("from that moment on, unless its host is given up", () => {
    const time = dueAt() ?? begin;
    expect(due(new Date(time.getTime() - 1), recordOf())).toEqual([]);
    expect(due(time, recordOf())).toEqual(["web-01"]);
    expect(due(time, recordOf({ serial_status: "stale" }))).toEqual([]);
    expect(due(time, recordOf({ expiry: "some day" }))).toEqual([]);
    const records = [recordOf({ hostname: "db-01", expiry: "" }), recordOf()];
    expect(due(addDays(expires, -1), ...records)).toEqual(["web-01"]);
  });

  test("where none is, this host's CA is not looked at: who pings may not read it", async () => {
    await using bare = await LocalFleet.bare();
    const at = (now: Date) => ({ ...bare.controller, now: () => now });
    expect(dueForRenewal(at(begin), [recordOf()])).toEqual([]);
    expect(() => dueForRenewal(at(expires), [recordOf()])).toThrow(bare.controller.config.ca);
  });

  test("also if it was made under a clock that was ahead, and not where a new one would last no longer", () => {
    const now = addDays(begin, 10);
    const ahead = isoSeconds(addDays(now, 1));
    expect(due(now, recordOf({ paired: ahead }))).toEqual(["web-01"]);
    expect(due(now, recordOf({ renewed: ahead }))).toEqual(["web-01"]);
    expect(due(now, recordOf({ paired: ahead, renewed: isoSeconds(begin) }))).toEqual([]);
    const short = { ...fleet.controller.config, cert_days: 5 };
    const controller = { ...fleet.controller, config: short, now: () => addDays(expires, -20) };
    expect(dueForRenewal(controller, [recordOf()])).toEqual([]);
  });
});

/** An agent that is asked to renew, and gives these answers in turn. */
async function renewing(
  answers: (path: string, body: Record<string, string>) => string | Promise<string>,
  changes: Partial<AgentRecord> = {},
) {
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  const [cert = "", key = ""] = ["agent.crt", "agent.key"].map((name) =>
    readFileSync(agent.path(name), "utf8"),
  );
  await using peer = await Peer.tls({ cert, key }, (socket) =>
    onRequest(socket, async (head, body) => {
      const path = head.split(" ")[1] ?? "";
      const answer = await answers(path, body === "" ? {} : JSON.parse(body));
      if (answer === "") socket.destroy();
      else socket.end(answer);
    }),
  );
  await changeAgents(fleet.controller.config, (record) => ({
    ...record,
    ...changes,
    port: peer.port,
  }));
  const before = fleet.record("web-01");
  const report = await renewAgents(fleet.controller, [before]);
  return { report, before, agent };
}

const issued = () =>
  readFileSync(paths(fleet.controller.config).issued, "utf8").trimEnd().split("\n").length;

describe("a renewal that is not asked for as it should be signs nothing", () => {
  test.each<[string, string, string]>([
    [
      "an agent of 0.8",
      http10({ error: "not found" }, "404 Not Found"),
      "web-01 has no /renew: it runs 0.8",
    ],
    [
      "an agent that knows another control host",
      http10({ error: "serial mismatch" }, "403 Forbidden"),
      "web-01 refuses /renew: serial mismatch: it knows this control host by another certificate; pair it again",
    ],
    [
      "an agent that does not say why",
      http10({}, "500 Internal Server Error"),
      "web-01 refuses /renew: status 500",
    ],
    ["an answer without a request", http10({}), "web-01 answered /renew without a request"],
    ["an agent that hangs up", "", "closed the connection before it answered"],
  ])("%s", async (_, answer, why) => {
    const { report, before } = await renewing(() => answer);
    expect(report).toMatchObject({ renewed: [], notRenewed: [{ host: "web-01" }] });
    expect(report.notRenewed[0]?.error).toContain(why);
    const [begun, failed] = fleet.log.of("renew");
    expect(begun?.fields).toEqual({
      REQID: expect.any(String),
      STATUS: "starting",
      TARGET: "web-01",
    });
    expect(failed).toMatchObject({ level: "err", fields: { REQID: begun?.fields.REQID ?? "" } });
    expect([issued(), fleet.record("web-01")]).toEqual([2, before]);
  });

  test("a request for another name", async () => {
    const csr = await createCsr("db-01", readPrivateKey(await generateKeyPem("ec"), "the key"));
    const { report } = await renewing(() => http10({ status: "ok", csr }));
    expect(report.notRenewed[0]?.error).toContain("another host");
    expect(issued()).toBe(2);
  });
});

async function soundRequest(): Promise<string> {
  return await createCsr("web-01", readPrivateKey(await generateKeyPem("ec"), "the key"));
}

test("a certificate that the agent does not take is noted as signed, and is not the record's", async () => {
  const csr = await soundRequest();
  const paths: string[] = [];
  const { report, before } = await renewing((path, body) => {
    paths.push(path);
    if (path === "/renew") return http10({ status: "ok", csr });
    expect(Object.keys(body).toSorted()).toEqual(["ca", "cert", "reqid"]);
    return http10({ error: "not now" }, "409 Conflict");
  });
  expect(paths).toEqual(["/renew", "/renew-complete"]);
  expect(report).toEqual({
    renewed: [],
    notRenewed: [{ host: "web-01", error: "web-01 refuses /renew-complete: not now" }],
  });
  expect(fleet.log.of("renew-complete")).toMatchObject([
    { level: "err", fields: { TARGET: "web-01", ERROR: expect.stringContaining("not now") } },
  ]);
  expect([issued(), fleet.record("web-01")]).toEqual([3, before]);
});

test("the serial that a record of 0.8 lacks is asked for and noted before another takes its place", async () => {
  const csr = await soundRequest();
  const answer = (path: string) => http10({ status: "ok", ...(path === "/renew" ? { csr } : {}) });
  const { report, agent } = await renewing(answer, { serial: "" });
  expect(report).toEqual({ renewed: ["web-01"], notRenewed: [] });
  expect(issued()).toBe(4);
  expect(agent.isUp).toBe(false);
  const { renewed, serial, expiry } = fleet.record("web-01");
  expect(renewed).toBe(isoSeconds(fleet.now));
  expect(fleet.log.of("renew-complete").map(({ fields }) => fields.EXPIRY)).toEqual([expiry]);
  expect(serial).toMatch(/^[0-9a-f]{32}$/);
});

test("where nobody is to be renewed, nothing is asked or opened", async () => {
  await using bare = await LocalFleet.bare();
  expect(await renewAgents(bare.controller, [])).toEqual({ renewed: [], notRenewed: [] });
});

test("who is seen is renewed if it is due; a fault of this host's own files is not passed over", async () => {
  await fleet.addAgent("web-01");
  const before = fleet.record("web-01");
  await renewSeen(fleet.controller, [before]);
  expect(fleet.record("web-01")).toEqual(before);
  // Of which nobody knows any more when it was made.
  const paired = isoSeconds(addDays(fleet.now, 1));
  await changeAgents(fleet.controller.config, (record) => ({ ...record, paired }));
  const key = readFileSync(fleet.controller.config.key, "utf8");
  fleet.folder.write("control/ctrl-exec.key", "no key", 0o600);
  const seen = [fleet.record("web-01")];
  await expect(renewSeen(fleet.controller, seen)).rejects.toMatchObject({ code: "config" });
  fleet.folder.write("control/ctrl-exec.key", key, 0o600);
  await renewSeen(fleet.controller, seen);
  expect(fleet.record("web-01").serial).not.toBe(before.serial);
});
