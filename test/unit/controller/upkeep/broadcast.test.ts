/** What agents say when they are told this host's new serial, and what is said of those that do not take it. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { changeAgents } from "../../../../src/controller/store/registry.ts";
import { broadcastSerial } from "../../../../src/controller/upkeep/broadcast.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import { isoSeconds } from "../../../../src/core/time.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";
import { http10, onRequest, Peer } from "../../../support/peers.ts";

let fleet: LocalFleet;
beforeEach(async () => {
  fleet = await LocalFleet.create();
});
afterEach(() => fleet[Symbol.asyncDispose]());

/** A rotation that an agent hears of, whose answers are played. */
async function told(answer: (path: string, body: Record<string, unknown>) => string) {
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  const [cert = "", key = ""] = ["agent.crt", "agent.key"].map((name) =>
    readFileSync(agent.path(name), "utf8"),
  );
  await using peer = await Peer.tls({ cert, key }, (socket) =>
    onRequest(socket, (head, body) => {
      const said = answer(head.split(" ")[1] ?? "", body === "" ? {} : JSON.parse(body));
      if (said === "") socket.destroy();
      else socket.end(said);
    }),
  );
  await changeAgents(fleet.controller.config, (record) => ({ ...record, port: peer.port }));
  return await rotateNow(fleet.controller);
}

const SCRIPT = "update-ctrl-exec-serial";
const ran = (exit: number, stderr = "", more: object = {}) =>
  http10({ exit, stdout: "", stderr, ...more });

describe("an agent has not taken the serial", () => {
  test.each([
    ["its script fails", ran(3), `${SCRIPT} ended with 3`],
    ["its script says why", ran(1, "  no room \n"), `${SCRIPT} ended with 1: no room`],
    [
      "it cannot run the script",
      ran(126, "", { error: "cannot execute it" }),
      `${SCRIPT}: cannot execute it`,
    ],
    [
      "it may not run the script",
      ran(-1, "", { error: "script not permitted" }),
      `${SCRIPT}: script not permitted; that host's scripts.conf must list it, and self-check there says why it may not run`,
    ],
    ["it refuses", http10({ error: "denied" }, "403 Forbidden"), "denied"],
    ["it says nothing", http10({}, "500 Internal Server Error"), "answered with status 500"],
  ])("%s", async (_, answer, error) => {
    const paths: string[] = [];
    const { pending, confirmed } = await told((path) => {
      // Before, it is asked for the time.
      if (path === "/run") paths.push(path);
      else if (paths.length > 0) paths.push(path);
      return answer;
    });
    // Under the one credential and then under the other, where the agent refuses the caller.
    expect([confirmed, new Set(paths)]).toEqual([[], new Set(["/run"])]);
    expect(pending).toEqual([{ host: "web-01", error }]);
    expect(fleet.log.of("serial-broadcast-fail").map(({ fields }) => fields)).toEqual([
      { AGENT: "web-01", ERROR: error },
    ]);
  });

  test("a script's words are told up to their five hundredth character", async () => {
    const { pending } = await told(() => ran(1, "x".repeat(600)));
    expect(pending[0]?.error).toHaveLength(`${SCRIPT} ended with 1: `.length + 500);
  });

  test("when it says so, and does not answer under it", async () => {
    let isTold = false;
    const { pending, confirmed } = await told((path) => {
      if (path === "/run") isTold = true;
      return isTold && path === "/ping" ? "" : ran(0);
    });
    expect(confirmed).toEqual([]);
    expect(pending[0]?.error).toContain("closed the connection");
  });
});

test("an agent is told the serial and the certificate, and that it was is recorded", async () => {
  let said: Record<string, unknown> = {};
  const { newSerial } = await told((path, body) => {
    if (path === "/run") said = body;
    return ran(1);
  });
  expect(said).toEqual({
    script: SCRIPT,
    args: [newSerial],
    reqid: expect.stringMatching(/^[0-9a-f]{16}$/),
    username: "ctrl-exec",
    token: "",
    cert: expect.stringContaining("BEGIN CERTIFICATE"),
  });
  expect(fleet.record("web-01").serial_broadcast).toBe(isoSeconds(fleet.now));
  expect(fleet.log.of("serial-broadcast")[0]?.fields).toMatchObject({
    HOSTS: "web-01",
    SERIAL: newSerial,
  });
});

test("only those are told that do not know it, or of whom nothing is known", async () => {
  for (const name of ["web-01", "web-02", "web-03"]) await fleet.addAgent(name);
  expect(await broadcastSerial(fleet.controller)).toEqual({ confirmed: [], pending: [] });
  expect(fleet.log.of("serial-broadcast")).toEqual([]);
  await changeAgents(fleet.controller.config, (record) => {
    if (record.hostname === "web-01") return undefined;
    const serial_status = record.hostname === "web-02" ? "unknown" : "pending";
    return { ...record, dispatcher_serial: "", serial_status };
  });
  const { confirmed, pending } = await broadcastSerial(fleet.controller);
  expect([confirmed.toSorted(), pending]).toEqual([["web-02", "web-03"], []]);
  expect(fleet.log.of("serial-broadcast").map(({ fields }) => fields.HOSTS)).toEqual([
    "web-02,web-03",
  ]);
  expect(fleet.record("web-01").serial_broadcast).toBe("");
  expect(fleet.record("web-02")).toMatchObject({ serial_status: "current" });
});
