/** T61: PEM that takes minutes to try in every way, sent to each port that takes PEM from a stranger. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import { TestApi } from "../../support/api.ts";
import { FakeAgent, jsonAnswer } from "../../support/fake-agent.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { HEADERS_WITHOUT_END } from "../../support/hostile-pem.ts";
import { http10 } from "../../support/peers.ts";

test("T61 pairing-mode refuses it, pairs an honest host meanwhile, and stops when it is told to", async () => {
  await using control = await ControlHost.create();
  const port = await control.pairingPort();
  const body = { hostname: "web-01", csr: HEADERS_WITHOUT_END, nonce: "0".repeat(32) };
  const stranger = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  stranger.on("error", () => undefined);
  let answer = "";
  stranger.on("data", (chunk) => {
    answer += chunk.toString();
  });
  stranger.write(http10(body).replace("HTTP/1.0 200 OK", "POST /pair HTTP/1.0"));
  const agent = await control.addAgent("web-01");
  await agent.pair();
  await until("the stranger is answered", () => answer.includes("invalid request"));
  stranger.destroy();
  expect(await control.stopPairing()).toBe(0);
});

test("T61 an agent that sends it as its request for renewal stops neither the API nor the others", async () => {
  await using control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  await control.startAgent("web-01");
  const hostile = await control.addAgent("hostile");
  await hostile.pair();
  const record = control.folder.join("control", "state", "agents", "hostile.json");
  const due = { ...JSON.parse(readFileSync(record, "utf8")), expiry: "Jan  1 00:00:00 2026 GMT" };
  control.folder.write("control/state/agents/hostile.json", JSON.stringify(due), 0o640);
  let asked = 0;
  using _ = await FakeAgent.start(hostile, (socket, request) => {
    if (request.startsWith("POST /ping ")) {
      socket.end(jsonAnswer({ status: "ok", host: "hostile", version: "1.0.0", expiry: "" }));
    } else if (request.startsWith("POST /renew ")) {
      asked += 1;
      socket.end(jsonAnswer({ status: "ok", csr: HEADERS_WITHOUT_END }));
    }
  });
  await using api = await TestApi.start(control);
  const pinged = api.ask("POST", "/ping", { hosts: ["hostile"] });
  await until("the request for renewal was sent", () => asked > 0);
  expect((await api.ask("GET", "/health")).status).toBe(200);
  const { json } = await api.ask("POST", "/ping", { hosts: ["web-01"] });
  expect(json).toMatchObject({ results: [{ host: "web-01", status: "ok" }] });
  await pinged;
  await api.running.seen(/ACTION=renew ERROR="Cannot accept the certificate request: .*hostile/);
});
