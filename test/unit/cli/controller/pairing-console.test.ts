import { test } from "bun:test";
import { PairingConsole } from "../../../../src/cli/controller/pairing-console.ts";
import type { PendingRequest } from "../../../../src/controller/store/ports/pairing.ts";
import type { Store } from "../../../../src/controller/store/ports.ts";
import { CtrlExecError } from "../../../../src/core/errors.ts";
import { until } from "../../../support/folder.ts";
import { KeptIo } from "../../../support/kept-io.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

const REQUEST: PendingRequest = {
  id: "0123456789abcdef",
  hostname: "web-01",
  ip: "192.0.2.1",
  csr: "",
  nonce: "",
  received: "2026-01-01T00:00:00Z",
  code: "123456",
  code_covers: "both",
};

test("T20 a queue that cannot be read for a moment ends neither the console nor pairing-mode", async () => {
  await using fleet = await LocalFleet.create();
  await fleet.controller.store.exclusively(async (writer) =>
    writer.addRequest({ ...REQUEST, received: fleet.now.toISOString() }),
  );
  let fails = true;
  const { store } = fleet.controller;
  const requests = async () => {
    if (fails) throw new CtrlExecError("storage", "Cannot read the queue: too many open files");
    return await store.pairing.requests();
  };
  const spoiled: Store = {
    ...store,
    pairing: Object.assign(Object.create(store.pairing), { requests }),
  };
  const kept = new KeptIo();
  const console = new PairingConsole({ ...fleet.controller, store: spoiled }, kept.io);
  console.arrived(REQUEST);
  await until("the problem is told", () =>
    kept.out.includes("Cannot read the queue: too many open files\n"),
  );
  fails = false;
  console.arrived(REQUEST);
  await until("the request is shown", () => kept.out.includes("web-01"));
  console.close();
});
