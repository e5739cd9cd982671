import { expect, test } from "bun:test";
import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { startPairingServer } from "../../../../src/controller/pairing/server.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";
import { PairingClient } from "../../../support/pairing-client.ts";
import { PairingStranger, pairingRequest } from "../../../support/pairing-stranger.ts";

const HERE = ["pairing_bind = 127.0.0.1", "pairing_port = 0"];
const EVENTS = {
  onRequest: () => undefined,
  onPushedOut: () => undefined,
  onDecided: () => undefined,
  onWithdrawn: () => undefined,
};

test("T21 peers that reset their connections, before TLS or after, end nothing else", async () => {
  await using fleet = await LocalFleet.create(HERE);
  const server = await startPairingServer(fleet.controller, EVENTS);
  const peers = [1, 2].map(() => connect({ host: "127.0.0.1", port: server.port }));
  const [first, second] = peers;
  const secure = connectTls({ ...(second && { socket: second }), rejectUnauthorized: false });
  await once(secure, "secureConnect");
  secure.on("error", () => undefined);
  // The first was accepted before the second.
  first?.write("\x16\x03\x01");
  for (const peer of peers) peer.resetAndDestroy();
  using client = new PairingClient(server.port);
  expect(await client.asks("/pair", { hostname: "web-01" })).toMatchObject({ status: "error" });
  await server.close();
});

test("T21 a peer that goes on sending while it waits is cut off, and the log has it", async () => {
  await using fleet = await LocalFleet.create(HERE);
  const server = await startPairingServer(fleet.controller, EVENTS);
  using peer = new PairingStranger(server.port, await pairingRequest("web-01"));
  expect(await peer.answered()).toMatchObject({ status: "pending" });
  peer.send("x".repeat(200_000));
  await peer.decided();
  expect(fleet.log.of("pair-reject")).toMatchObject([
    { level: "warning", fields: { IP: "127.0.0.1", REASON: "more bytes than a pairing takes" } },
  ]);
  await server.close();
});
