/** T07 which exchanges on the pairing port count as tries for a code. */
import { expect, test } from "bun:test";
import { approveRequest, denyRequest } from "../../../../src/controller/pairing/desk.ts";
import { startPairingServer } from "../../../../src/controller/pairing/server.ts";
import { commitmentTo } from "../../../../src/core/wire/confirmation-code.ts";
import { createCsr } from "../../../../src/pki/csr.ts";
import { generateKeyPem, readPrivateKey } from "../../../../src/pki/keys.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";
import { NONCE, PairingClient } from "../../../support/pairing-client.ts";

const EVENTS = {
  onRequest: () => undefined,
  onPushedOut: () => undefined,
  onDecided: () => undefined,
  onWithdrawn: () => undefined,
};
const VALUE = "ab".repeat(32);

test("T07 what the operator approves does not count; what is denied does", async () => {
  await using fleet = await LocalFleet.create(["pairing_bind = 127.0.0.1", "pairing_port = 0"]);
  const { controller } = fleet;
  const server = await startPairingServer(controller, EVENTS);
  const csr = await createCsr("web-01", readPrivateKey(await generateKeyPem("ec"), "the key"));
  const body = { hostname: "web-01", csr, nonce: NONCE, commitment: commitmentTo(VALUE, csr) };
  /** Returns whether there was an exchange. */
  const ask = async (decide: (id: string) => Promise<unknown>): Promise<boolean> => {
    using client = new PairingClient(server.port);
    const { reqid = "", value } = await client.asks("/pair", body);
    if (value !== undefined) await client.asks("/pair-reveal", { reqid, value: VALUE });
    await decide(reqid);
    await client.reply();
    return value !== undefined;
  };
  const approve = async (id: string) => approveRequest(controller, id);
  const deny = async (id: string) => denyRequest(controller, id);
  for (let paired = 0; paired < 12; paired++) expect(await ask(approve)).toBe(true);
  for (let denied = 0; denied < 10; denied++) expect(await ask(deny)).toBe(true);
  expect(await ask(approve)).toBe(false);
  expect(fleet.log.of("pair-code-limit")).toHaveLength(1);
  await server.close();
});
