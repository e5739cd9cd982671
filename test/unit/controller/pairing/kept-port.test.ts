/** The pairing port where ctrl-exec-api holds it, and the console of its queue. */
import { expect, test } from "bun:test";
import { approveRequest, denyRequest } from "../../../../src/controller/pairing/desk.ts";
import { keepPairingPort } from "../../../../src/controller/pairing/kept-port.ts";
import { listRequests } from "../../../../src/controller/pairing/queue.ts";
import { watchQueue } from "../../../../src/controller/pairing/queue-watch.ts";
import { until } from "../../../support/folder.ts";
import { JoinStage } from "../../../support/join-stage.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";
import { PairingStranger, pairingRequest } from "../../../support/pairing-stranger.ts";

const HERE = ["pairing_bind = 127.0.0.1", "pairing_port = 0", "join = on"];
const SHARES = { connections: 20, queue: 10, exchanges: 20 };

test("a port that pairing-mode holds is taken over when that ends, and the log says why not before", async () => {
  await using stage = await JoinStage.open(["join = on"]);
  const { controller } = stage;
  const kept = await keepPairingPort(controller, SHARES, 10);
  expect(kept.server).toBeUndefined();
  await stage.closeDoor();
  await until("it is taken over", () => kept.server !== undefined);
  expect(stage.fleet.log.of("pairing-port-fail")).toMatchObject([
    { level: "err", fields: { ERROR: "Cannot hold the pairing port: pairing-mode holds it" } },
  ]);
  expect(await controller.store.pairing.deskKeeper()).toBe("ctrl-exec-api");
  const token = await stage.token();
  const outcome = await stage.join(token, "web-01", { port: kept.server?.port ?? 0 });
  expect(outcome.kind).toBe("joined");
  await kept.close();
  expect(await controller.store.pairing.deskKeeper()).toBeUndefined();
});

test("a port that could not be taken is given up at once", async () => {
  await using stage = await JoinStage.open();
  const kept = await keepPairingPort(stage.controller, SHARES, 60_000);
  await kept.close();
  expect(kept.server).toBeUndefined();
});

test("whoever watches the queue is told what comes and goes, until nobody holds the port", async () => {
  await using fleet = await LocalFleet.create(HERE);
  const { controller } = fleet;
  const kept = await keepPairingPort(controller, SHARES);
  const port = kept.server?.port ?? 0;
  const happened: string[] = [];
  const tell = (what: string) => (request: { readonly hostname: string }) =>
    void happened.push(`${what} ${request.hostname}`);
  const watch = watchQueue(controller, {
    onRequest: tell("asks"),
    onPushedOut: tell("pushed out"),
    onDecided: tell("decided"),
    onWithdrawn: tell("gone"),
  });
  const seen = (what: string) => until(what, () => happened.includes(what));
  const idOf = async (name: string) =>
    (await listRequests(controller)).find(({ hostname }) => hostname === name)?.id ?? "";
  using web = new PairingStranger(port, await pairingRequest("web-01"));
  using db = new PairingStranger(port, await pairingRequest("db-01"));
  await Promise.all([seen("asks web-01"), seen("asks db-01")]);
  await approveRequest(controller, await idOf("web-01"));
  expect(await web.decided()).toMatchObject({ status: "approved" });
  await seen("decided web-01");
  await denyRequest(controller, await idOf("db-01"));
  expect(await db.decided()).toMatchObject({ status: "denied" });
  await seen("gone db-01");
  await kept.close();
  await watch.over;
  expect(happened).toHaveLength(4);
});
