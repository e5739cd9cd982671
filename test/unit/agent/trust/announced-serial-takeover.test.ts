/** T63: who may call an agent hands it to another one, by that one's serial. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { loadIdentity } from "../../../../src/agent/trust/identity-files.ts";
import { openDialler } from "../../../../src/controller/control-host.ts";
import { askHost, type FleetDialler } from "../../../../src/controller/fleet/fan-out.ts";
import { targetOf } from "../../../../src/controller/fleet/targets.ts";
import { findAgent } from "../../../../src/controller/store/registry.ts";
import { maintainOnce } from "../../../../src/controller/upkeep/maintenance.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import { UPDATE_SERIAL_SCRIPT } from "../../../../src/core/reserved-script.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
let web: LocalAgent;
let db: LocalAgent;

beforeEach(async () => {
  fleet = await LocalFleet.create();
  [web, db] = [await fleet.addAgent("web-01"), await fleet.addAgent("db-01")];
});
afterEach(() => fleet[Symbol.asyncDispose]());

/** Calls web-01 as a control host of 1.0 does, or somebody with its certificate. */
async function callWeb(path: string, body: unknown, own?: FleetDialler) {
  const dialler = own ?? (await openDialler(fleet.controller));
  const target = targetOf("web-01", findAgent(dialler.config, "web-01"));
  const { reply } = await askHost(dialler, target, { method: "POST", path, body, reply: "words" });
  return reply;
}

async function announce(serial: string, more: Readonly<Record<string, string>> = {}) {
  const body = { script: UPDATE_SERIAL_SCRIPT, args: [serial], reqid: "0123456789abcdef", ...more };
  return await callWeb("/run", body);
}

/** With db-01's key and certificate. */
async function asDb(): Promise<FleetDialler> {
  const { certificate, ca, keyPem } = loadIdentity(db.config);
  const credential = { cert: certificate.pem, key: keyPem, ca: ca.pem };
  const dialler = await openDialler(fleet.controller);
  return { ...dialler, credentials: [{ serial: certificate.serial, credential }] };
}

const COUNT = { script: "count", args: [], reqid: "0123456789abcdef" };

test("T63 db-01 gains nothing, the control host loses nothing, through reload, restart and rotation", async () => {
  const { serial } = loadIdentity(db.config).certificate;
  expect(await announce(serial)).toMatchObject({ status: 200, json: { exit: 0 } });
  for (const again of [() => undefined, () => web.reload(), () => web.restart()]) {
    await again();
    expect(await callWeb("/run", COUNT, await asDb())).toMatchObject({
      status: 403,
      json: { error: "serial mismatch", status: "forbidden" },
    });
    expect(web.log.of("serial-reject").at(-1)?.fields).toMatchObject({
      REASON: "the certificate is that of db-01",
    });
    expect(await fleet.runFailures(["web-01"])).toEqual([]);
  }
  const { confirmed } = await rotateNow(fleet.controller);
  expect([...confirmed].sort()).toEqual(["db-01", "web-01"]);
  expect(await fleet.runFailures(["web-01"])).toEqual([]);
  expect((await callWeb("/run", COUNT, await asDb()))?.status).toBe(403);
  expect(web.log.of("run").filter(({ fields }) => fields.SCRIPT === "count")).toHaveLength(4);
});

test("T63 with a certificate the serial is judged at once, and nothing is stored that does not fit", async () => {
  const { certificate } = loadIdentity(db.config);
  const before = readFileSync(web.path("ctrl-exec-serial"), "utf8");
  expect(await announce(certificate.serial, { cert: certificate.pem })).toMatchObject({
    status: 200,
    json: {
      exit: -1,
      error:
        "cannot take the new serial: the new certificate is that of db-01, not the control host's",
    },
  });
  expect(web.log.of("deny").at(-1)?.fields).toMatchObject({ SCRIPT: UPDATE_SERIAL_SCRIPT });
  expect(readFileSync(web.path("ctrl-exec-serial"), "utf8")).toBe(before);
  // In the request for any other script it means nothing.
  expect(await callWeb("/run", { ...COUNT, cert: "x" })).toMatchObject({ json: { exit: 0 } });
});

test("T63 a control host of 1.0, which sends the serial alone, rotates as ever", async () => {
  const { controller } = fleet;
  await web.stop();
  const { newSerial } = await rotateNow(controller);
  await web.start();
  expect(await announce(newSerial)).toMatchObject({ status: 200, json: { exit: 0 } });
  const dialler = await openDialler(controller);
  const underNew = { ...dialler, credentials: [dialler.credentials[0]] } as const;
  expect((await callWeb("/ping", { reqid: "" }, underNew))?.status).toBe(200);
  expect(existsSync(web.path("ctrl-exec-serial.previous"))).toBe(false);
  expect((await maintainOnce(controller)).confirmed).toEqual(["web-01"]);
  expect(await fleet.runFailures(["web-01"])).toEqual([]);
});
