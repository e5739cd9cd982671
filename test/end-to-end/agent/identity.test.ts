import { expect, test } from "bun:test";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { Authority } from "../../support/authority.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import {
  ask,
  controllerIdentity,
  exchange,
  type Identity,
  inParallel,
  jsonOf,
  openTls,
  post,
  statusOf,
} from "../../support/raw-agent.ts";

const TRIES = 200;
const DAY = 86_400_000;

test("T01 no certificate but the controller's reaches a handler, 200 times each, beside good clients", async () => {
  await using control = await ControlHost.create();
  const marker = control.folder.join("ran");
  const agent = await control.startAgent("web-01", { scripts: { mark: `touch ${marker}` } });
  const own = Authority.of(control);
  const namesake = await Authority.create({ name: own.ca.commonName });
  const bad: Readonly<Record<string, Identity>> = {
    "no certificate": {},
    "self-signed": await (await Authority.create({ name: "self" })).issue("ctrl-exec"),
    "another CA of the same name": await namesake.issue("ctrl-exec"),
    expired: await own.issue("ctrl-exec", { now: new Date(Date.now() - 60 * DAY) }),
    "not yet valid": await own.issue("ctrl-exec", { now: new Date(Date.now() + 10 * DAY) }),
  };
  const agents = await own.issue("web-02");
  const good = controllerIdentity(control);
  const runMark = post("/run", { script: "mark", args: [], reqid: "bad0" });
  const ping = (reqid: string) => post("/ping", { reqid });

  const refused = Object.entries(bad).map(async ([kind, identity]) => {
    const outcomes = await inParallel(TRIES, 4, () => ask(agent.port, identity, runMark));
    return { kind, answered: outcomes.filter((outcome) => "status" in outcome).length };
  });
  const strangers = inParallel(TRIES, 4, () => ask(agent.port, agents, runMark));
  const answers = inParallel(TRIES, 4, () => ask(agent.port, good, ping("900d")));

  for (const { kind, answered } of await Promise.all(refused)) {
    expect({ kind, answered }).toEqual({ kind, answered: 0 });
  }
  expect(new Set((await strangers).map(statusOf))).toEqual(new Set([403]));
  expect(new Set((await answers).map(statusOf))).toEqual(new Set([200]));
  expect(existsSync(marker)).toBe(false);
  await agent.serving.seen(/ACTION=serial-reject PEER=127\.0\.0\.1 REQID=bad0/);
  await agent.serving.seen(/ACTION=tls-failure .*REASON=ERR_SSL_PEER_DID_NOT_RETURN_A_CERT/);
  const pings = () => agent.serving.err.match(/ACTION=ping /g)?.length ?? 0;
  await until("every ping is logged", () => pings() >= TRIES);
  expect(pings()).toBe(TRIES);
  expect(agent.serving.err).not.toMatch(/ACTION=(run|deny)/);
});

async function sessionOf(port: number, identity: Identity, maxVersion: "TLSv1.2" | "TLSv1.3") {
  const socket = openTls(port, identity, { maxVersion });
  const session = once(socket, "session");
  const reply = await exchange(socket, post("/ping", { reqid: "aa" }, ["Connection: close"]));
  expect({ status: statusOf(reply), version: socket.getProtocol() }).toEqual({
    status: 200,
    version: maxVersion,
  });
  const [bytes] = await session;
  socket.destroy();
  return bytes as Buffer;
}

async function resume(
  port: number,
  identity: Identity,
  session: Buffer,
  version: "TLSv1.2" | "TLSv1.3",
) {
  const socket = openTls(port, identity, { session, maxVersion: version });
  const outcome = await exchange(socket, post("/ping", { reqid: "bb" }));
  const resumed = socket.isSessionReused();
  socket.destroy();
  return { outcome, resumed };
}

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  test(`T02 a resumed ${version} session shows the same identity, and ends with its revocation`, async () => {
    await using control = await ControlHost.create();
    const agent = await control.startAgent("web-01");
    const good = controllerIdentity(control);
    const session = await sessionOf(agent.port, good, version);

    const again = await resume(agent.port, good, session, version);
    expect({ resumed: again.resumed, status: statusOf(again.outcome) }).toEqual({
      resumed: true,
      status: 200,
    });
    // The session alone is the identity: the client shows no certificate this time.
    const bare = await resume(agent.port, {}, session, version);
    expect(statusOf(bare.outcome)).toBe(200);

    const serial = readFileSync(agent.path("ctrl-exec-serial"), "utf8").trim();
    writeFileSync(agent.path("revoked-serials"), `${serial}\n`);
    const revoked = await resume(agent.port, good, session, version);
    expect(jsonOf(revoked.outcome)).toEqual({ error: "certificate revoked" });
    expect(statusOf(revoked.outcome)).toBe(403);
  });

  test(`T02 a ${version} session of an old CA is worth nothing under a new one`, async () => {
    await using control = await ControlHost.create();
    const agent = await control.startAgent("web-01");
    const good = controllerIdentity(control);
    const session = await sessionOf(agent.port, good, version);

    const other = await ControlHost.create();
    await using _ = other;
    const twin = await other.addAgent("web-01");
    await twin.pair();
    for (const file of ["ca.crt", "agent.crt", "agent.key", "ctrl-exec-serial"]) {
      const mode = file === "agent.key" ? 0o640 : 0o644;
      control.folder.write(`web-01/${file}`, readFileSync(twin.path(file)), mode);
    }
    agent.serving.child.kill("SIGHUP");
    await agent.serving.seen(/ACTION=reload/);

    const late = await resume(agent.port, good, session, version);
    expect({ resumed: late.resumed, failed: "failed" in late.outcome }).toEqual({
      resumed: false,
      failed: true,
    });
    const successor = await ask(agent.port, controllerIdentity(other), post("/ping", {}));
    expect(statusOf(successor)).toBe(200);
  });
}
