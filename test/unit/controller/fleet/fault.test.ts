/** In one word, why agents could not be asked, seen on real connections. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { faultOf } from "../../../../src/controller/fleet/fault.ts";
import { CtrlExecError } from "../../../../src/core/errors.ts";
import { LocalFleet, ping } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
let plain: Bun.TCPSocketListener;
let silent: Bun.TCPSocketListener;

beforeAll(async () => {
  fleet = await LocalFleet.create();
  const socket = { data: () => undefined };
  silent = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { ...socket, open: (peer) => void peer.end() },
  });
  plain = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { ...socket, open: (peer) => void peer.write("HTTP/1.1 400 Bad Request\r\n\r\n") },
  });
});

afterAll(async () => {
  plain.stop(true);
  silent.stop(true);
  await fleet[Symbol.asyncDispose]();
});

test("what a connection comes to is one word in the log, and none where the host answers", async () => {
  const agent = await fleet.addAgent("web-01");
  const targets = ["127.0.0.1:1", `127.0.0.1:${plain.port}`, `127.0.0.1:${silent.port}`];
  await ping(fleet.controller, ["web-01", ...targets, "no-such-host.invalid"]);
  const faults = fleet.log.of("ping").map(({ fields }) => [fields.TARGET, fields.FAULT]);
  expect(Object.fromEntries(faults)).toEqual({
    [`web-01:${agent.config.port}`]: undefined,
    "127.0.0.1:1": "refused",
    [`127.0.0.1:${plain.port}`]: "tls",
    [`127.0.0.1:${silent.port}`]: "closed",
    "no-such-host.invalid:7443": "name",
  });
});

test.each([
  ["untrusted", "identity"],
  ["timeout", "late"],
  ["protocol", "answer"],
  ["too-large", "answer"],
  ["config", "local"],
] as const)("an error of the code %s is %s", (code, fault) => {
  expect(faultOf(new CtrlExecError(code, "x"))).toBe(fault);
});

test("what nobody has foreseen is of this host", () => {
  expect(faultOf(new Error("x"))).toBe("local");
});
