import { expect, test } from "bun:test";
import { once } from "node:events";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { connect, type SecureContext } from "node:tls";
import { setupCa, setupController } from "../../../../src/controller/trust/ca.ts";
import { clientCredential, loadCredential } from "../../../../src/controller/trust/credential.ts";
import { tlsContext } from "../../../../src/system/net/tls.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";

interface Exchange {
  readonly answer: string;
  readonly session: Buffer | undefined;
  readonly reused: boolean;
}

const PING = "POST /ping HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";

/** One connection with a ping on it; the answer is empty when the handshake was refused. */
async function exchange(
  agent: LocalAgent,
  secureContext: SecureContext,
  session?: Buffer,
): Promise<Exchange> {
  const socket = connect({
    host: "127.0.0.1",
    port: agent.config.port,
    secureContext,
    checkServerIdentity: () => undefined,
    rejectUnauthorized: false,
    ...(session === undefined ? {} : { session }),
  });
  let saved: Buffer | undefined;
  let answer = "";
  let reused = false;
  socket.on("session", (ticket) => {
    saved = ticket;
  });
  socket.on("secureConnect", () => {
    reused = socket.isSessionReused();
    socket.write(PING);
  });
  socket.on("data", (chunk) => {
    answer += chunk.toString();
  });
  socket.on("error", () => undefined);
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once("close", () => resolve());
  await promise;
  return { answer, session: saved, reused };
}

function controllerContext({ controller, now }: LocalFleet): SecureContext {
  return tlsContext(clientCredential(loadCredential(controller.config, now)));
}

test("T02 a resumed session shows the same identity as a full one", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const context = controllerContext(fleet);
  const full = await exchange(agent, context);
  expect(full.answer).toStartWith("HTTP/1.1 200");
  const resumed = await exchange(agent, context, full.session);
  expect(resumed.reused).toBe(true);
  expect(resumed.answer).toStartWith("HTTP/1.1 200");
});

test("T02 a session does not outlive the revocation of its certificate", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const context = controllerContext(fleet);
  const { session } = await exchange(agent, context);
  const { serial } = loadCredential(fleet.controller.config, fleet.now).certificate;
  fleet.folder.write("web-01/revoked-serials", `${serial}\n`);
  const { answer, reused } = await exchange(agent, context, session);
  expect(reused).toBe(true);
  expect(answer).toContain("403");
  expect(answer).toContain("certificate revoked");
  expect(agent.log.of("ping")).toHaveLength(1);
});

test("T02 a session does not outlive the controller's serial", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const context = controllerContext(fleet);
  const { session } = await exchange(agent, context);
  writeFileSync(agent.path("ctrl-exec-serial"), "b2\n");
  const { answer, reused } = await exchange(agent, context, session);
  expect(reused).toBe(true);
  expect(answer).toContain("serial mismatch");
  expect(agent.log.of("ping")).toHaveLength(1);
});

/** A connection that stays open, with one request after the other on it. */
async function openConnection(agent: LocalAgent, secureContext: SecureContext) {
  const socket = connect({
    host: "127.0.0.1",
    port: agent.config.port,
    secureContext,
    checkServerIdentity: () => undefined,
    rejectUnauthorized: false,
  });
  await once(socket, "secureConnect");
  return {
    async ping(): Promise<string> {
      socket.write(PING.replace("Connection: close\r\n", ""));
      const [answer] = await once(socket, "data");
      return String(answer);
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

for (const [what, file, words] of [
  ["the revocation of its certificate", "revoked-serials", "certificate revoked"],
  ["the controller's serial", "ctrl-exec-serial", "serial mismatch"],
] as const) {
  test(`T02 a connection that is kept open does not outlive ${what}`, async () => {
    await using fleet = await LocalFleet.create();
    const agent = await fleet.addAgent("web-01");
    const { serial } = loadCredential(fleet.controller.config, fleet.now).certificate;
    using connection = await openConnection(agent, controllerContext(fleet));
    expect(await connection.ping()).toStartWith("HTTP/1.1 200");
    writeFileSync(agent.path(file), file === "revoked-serials" ? `${serial}\n` : "b2\n");
    const answer = await connection.ping();
    expect(answer).toStartWith("HTTP/1.1 403");
    expect(answer).toContain(words);
    expect(agent.log.of("ping")).toHaveLength(1);
  });
}

test("T02 a session does not outlive its CA", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const context = controllerContext(fleet);
  const { session } = await exchange(agent, context);
  await using other = await LocalFleet.bare();
  await setupCa(other.controller);
  await setupController(other.controller);
  const moved = await other.addAgent("web-01");
  await moved.stop();
  for (const file of ["agent.key", "agent.crt", "ca.crt"]) {
    copyFileSync(moved.path(file), agent.path(file));
  }
  // Were the CA not asked, the serial would let it in.
  expect(readFileSync(agent.path("ctrl-exec-serial"), "utf8")).not.toBe("");
  await agent.reload();
  const { answer, reused } = await exchange(agent, context, session);
  expect(reused).toBe(false);
  expect(answer).toBe("");
  expect(agent.log.of("ping")).toHaveLength(1);
});
