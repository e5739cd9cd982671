/** T31 to T33 at the door: which hosts a token lets in, and what each refusal leaves. */
import { describe, expect, test } from "bun:test";
import { chmodSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { unpairAgent } from "../../../../src/controller/inventory/unpair.ts";
import { revokeToken } from "../../../../src/controller/pairing/join-tokens.ts";
import { formatJoinToken, readJoinToken } from "../../../../src/core/join-token.ts";
import { isoSeconds } from "../../../../src/core/time.ts";
import { joinStatement } from "../../../../src/core/wire/join-statement.ts";
import { readCertificate } from "../../../../src/pki/certificate.ts";
import { keyFromSeed, signStatement } from "../../../../src/pki/join-key.ts";
import { JoinStage, joiner } from "../../../support/join-stage.ts";
import { PairingClient } from "../../../support/pairing-client.ts";

const REFUSED = (reason: string) => ({ kind: "refused" as const, reason, again: false });

const parts = (text: string) => {
  const token = readJoinToken(text);
  if (typeof token === "string") throw new Error(token);
  return token;
};

/** The serials that the CA has signed. */
function signed(stage: JoinStage): string {
  try {
    return readFileSync(stage.fleet.folder.join("control/state/issued-certificates"), "utf8");
  } catch {
    return "";
  }
}

test("a host joins: it is registered with the token's tags, and the use is counted", async () => {
  await using stage = await JoinStage.open();
  const token = await stage.token({ uses: 2, tags: { role: "web" } });
  const outcome = await stage.join(token, "web-01");
  expect(outcome.kind).toBe("joined");
  const record = stage.fleet.record("web-01");
  expect(record).toMatchObject({ ip: "127.0.0.1", port: 7443, tags: { role: "web" } });
  if (outcome.kind === "joined") {
    expect(readCertificate(outcome.enrolled.certPem, "its").serial).toBe(record.serial);
  }
  expect(await stage.used(token)).toBe(1);
  expect(stage.fleet.log.of("join")).toMatchObject([
    { level: "info", fields: { AGENT: "web-01", IP: "127.0.0.1", TOKEN: parts(token).id } },
  ]);
});

test("what a host says about itself when it joins is known from then on", async () => {
  await using stage = await JoinStage.open();
  const report = { version: "1.1.0", tags: { role: "db" } };
  await stage.join(await stage.token(), "db-01", { report });
  expect((await stage.controller.store.learned.known()).get("db-01")).toMatchObject({
    version: { value: "1.1.0" },
    tags: { value: { role: "db" } },
  });
});

describe("T31 what a token is not good for: nothing is signed, registered or counted", () => {
  const cases: [string, (stage: JoinStage) => Promise<string>, string, string, string][] = [
    [
      "an expired one",
      async (stage) => {
        const token = await stage.token({ seconds: 600 });
        stage.fleet.passDays(600.5 / 86_400);
        return token;
      },
      "this token has expired",
      "the token has expired",
      "expired",
    ],
    [
      "a revoked one",
      async (stage) => {
        const token = await stage.token();
        await revokeToken(stage.controller, parts(token).id);
        return token;
      },
      "this token is revoked",
      "the token is revoked",
      "revoked",
    ],
    [
      "one for another network",
      (stage) => stage.token({ from: ["192.0.2.0/24", "2001:db8::/32"] }),
      "this token is not for this host",
      "the token is for other networks",
      "network",
    ],
    [
      "one for another name",
      (stage) => stage.token({ name: "db-*" }),
      "this token is not for this host",
      "the token is for other names",
      "name",
    ],
    [
      "one that this host does not know",
      async (stage) => formatJoinToken({ ...parts(await stage.token()), id: "0".repeat(16) }),
      "this token is not accepted",
      "there is no such token",
      "unknown-token",
    ],
    [
      "one with another secret",
      async (stage) => formatJoinToken({ ...parts(await stage.token()), seed: new Uint8Array(32) }),
      "this token is not accepted",
      "the token's key has not signed this",
      "signature",
    ],
  ];
  test.each(cases)("%s", async (_, make, told, why, code) => {
    await using stage = await JoinStage.open();
    const token = await make(stage);
    const before = signed(stage);
    expect(await stage.join(token, "web-01")).toEqual(REFUSED(told));
    expect([stage.lastRefusal, stage.lastCode]).toEqual([why, code]);
    expect(await stage.registered()).toEqual([]);
    expect(signed(stage)).toBe(before);
    expect(await stage.used(token)).toBe(0);
  });

  test("one of another CA is not even shown to this host", async () => {
    await using stage = await JoinStage.open();
    await using other = await JoinStage.open();
    const token = await other.token();
    expect(stage.join(token, "web-01")).rejects.toMatchObject({
      code: "untrusted",
      message: expect.stringContaining("is not the expected one"),
    });
    expect(stage.fleet.log.of("join-refuse")).toEqual([]);
    expect(await other.used(token)).toBe(0);
  });

  test("one that is used up, by a host and no less by one whose join was cut off", async () => {
    await using stage = await JoinStage.open();
    const token = await stage.token();
    await stage.join(token, "web-01");
    const before = signed(stage);
    expect(await stage.join(token, "web-02")).toEqual(REFUSED("this token is used up"));
    expect(stage.lastCode).toBe("used-up");
    expect(await stage.registered()).toEqual(["web-01"]);
    expect(signed(stage)).toBe(before);
    expect(await stage.used(token)).toBe(1);
  });

  test("a name that no host may have, and a request that is for another name", async () => {
    await using stage = await JoinStage.open();
    const token = await stage.token();
    expect(await stage.join(token, "web-01", { hostname: "ctrl-exec" })).toEqual(
      REFUSED("invalid request"),
    );
    expect(await stage.join(token, "web-01", { hostname: "web-02" })).toEqual(
      REFUSED("invalid request"),
    );
    expect(stage.lastRefusal).toContain("its subject is another host");
    expect(stage.lastCode).toBe("invalid");
    expect(await stage.used(token)).toBe(0);
  });
});

test("T31 what was signed for one connection is refused on another", async () => {
  await using stage = await JoinStage.open();
  const token = await stage.token();
  const proof = async (client: PairingClient) => {
    const { value = "" } = await client.asks("/join", {});
    const { hostname, csrPem: csr, nonce } = await joiner("web-01");
    const { caFingerprint, id, seed } = parts(token);
    const facts = { caFingerprint, token: id, value, hostname, nonce, csr, port: undefined };
    const statement = joinStatement({ ...facts, certificate: client.certificate }, "join");
    return {
      token: id,
      hostname,
      csr,
      nonce,
      signature: signStatement(statement, keyFromSeed(seed)),
    };
  };
  using owner = new PairingClient(stage.port);
  const caught = await proof(owner);
  expect(await owner.asks("/join-proof", caught)).toMatchObject({ status: "approved" });
  const before = signed(stage);
  using thief = new PairingClient(stage.port);
  expect(await thief.asks("/join", {})).toMatchObject({ status: "challenge" });
  expect(await thief.asks("/join-proof", caught)).toMatchObject({
    status: "denied",
    reason: "this token is not accepted",
  });
  expect(signed(stage)).toBe(before);
  expect(await stage.used(token)).toBe(1);
});

test("T77 a host that asks again gets no tag back that an operator has taken away", async () => {
  await using stage = await JoinStage.open();
  const token = await stage.token({ tags: { env: "prod", role: "db" } });
  const host = await joiner("web-01");
  expect((await stage.join(token, host)).kind).toBe("joined");
  const { registry } = stage.controller.store;
  await registry.change((record) => ({ ...record, tags: { env: "quarantine" } }));
  expect((await stage.join(token, host)).kind).toBe("joined");
  const found = await registry.find("web-01");
  expect(found).toMatchObject({ kind: "agent", record: { tags: { env: "quarantine" } } });
  expect(found?.kind === "agent" && found.record.tags).toEqual({ env: "quarantine" });
});

test("nor does it undo an address that an operator has set; one that nobody has set follows the host", async () => {
  await using stage = await JoinStage.open();
  const token = await stage.token();
  const host = await joiner("web-01");
  await stage.join(token, host);
  const { registry } = stage.controller.store;
  const set = (changes: object) => registry.change((record) => ({ ...record, ...changes }));
  await set({ ip: "192.0.2.7", port: 7450, lookup_by: "ip" });
  await stage.join(token, host, { servePort: 7460 });
  expect(stage.fleet.record("web-01")).toMatchObject({
    ...{ ip: "192.0.2.7", port: 7450, lookup_by: "ip" },
  });
  await set({ ip: "127.0.0.1", port: 7450 });
  await stage.join(token, host, { servePort: 7460 });
  expect(stage.fleet.record("web-01")).toMatchObject({ ip: "127.0.0.1", port: 7450 });
  expect(await stage.used(token)).toBe(1);
});

test("T31 a host whose answer was lost asks again with its key, and counts once", async () => {
  await using stage = await JoinStage.open();
  const token = await stage.token();
  const host = await joiner("web-01");
  expect((await stage.join(token, host)).kind).toBe("joined");
  expect((await stage.join(token, host)).kind).toBe("joined");
  expect(await stage.used(token)).toBe(1);
  expect(stage.fleet.log.of("join").at(-1)?.fields.REASON).toBe("repeated");
  // Its key under another name, or with another nonce, is another join.
  const other = await joiner("web-02");
  expect(await stage.join(token, { ...host, nonce: other.nonce })).toEqual(
    REFUSED("this token is used up"),
  );
});

test("T33 a host that was unpaired does not come back by repeating its join", async () => {
  await using stage = await JoinStage.open();
  const token = await stage.token({ uses: 5 });
  const host = await joiner("web-01");
  await stage.join(token, host);
  await unpairAgent(stage.controller, "web-01", true);
  expect(await stage.join(token, host)).toEqual(REFUSED("this token is used up"));
  expect(stage.lastRefusal).toBe("the host was unpaired or replaced since it joined");
  expect(await stage.registered()).toEqual([]);
});

test("T31 a join that fails on the control host takes no use, and says nothing of why", async () => {
  await using stage = await JoinStage.open();
  const token = await stage.token();
  const key = stage.fleet.folder.join("control/ca.key");
  const text = readFileSync(key, "utf8");
  rmSync(key);
  const host = await joiner("web-01");
  expect(await stage.join(token, host)).toEqual({
    kind: "refused",
    reason: "the control host cannot let hosts join now",
    again: true,
  });
  expect(stage.lastRefusal).toContain("ca.key");
  expect(stage.lastCode).toBe("local");
  expect([await stage.used(token), await stage.registered()]).toEqual([0, []]);
  stage.fleet.folder.write("control/ca.key", text);
  chmodSync(key, 0o600);
  expect((await stage.join(token, "web-02")).kind).toBe("joined");
});

test("T10 T31 a use whose join was cut off is that host's alone, and is finished once", async () => {
  await using stage = await JoinStage.open();
  const token = await stage.token();
  const host = await joiner("web-01");
  await stage.join(token, host);
  // As a kill between the use and the record leaves it.
  const { id } = parts(token);
  const folder = stage.fleet.folder.join(`control/state/join-tokens/${id}.uses`);
  const [file = ""] = readdirSync(folder);
  const use = JSON.parse(readFileSync(`${folder}/${file}`, "utf8"));
  stage.fleet.folder.write(
    `control/state/join-tokens/${id}.uses/${file}`,
    JSON.stringify({ ...use, registered: false }),
  );
  rmSync(stage.fleet.folder.join("control/state/agents/web-01.json"));
  expect(await stage.join(token, "web-02")).toEqual(REFUSED("this token is used up"));
  expect((await stage.join(token, host)).kind).toBe("joined");
  expect([await stage.used(token), await stage.registered()]).toEqual([1, ["web-01"]]);
});

test("T31 many at once get as many certificates as there are uses", async () => {
  await using stage = await JoinStage.open();
  const token = await stage.token({ uses: 7 });
  const names = Array.from({ length: 12 }, (_, index) => `web-${index}`);
  const outcomes = await Promise.all(names.map((name) => stage.join(token, name)));
  expect(outcomes.filter(({ kind }) => kind === "joined")).toHaveLength(7);
  expect([await stage.used(token), (await stage.registered()).length]).toEqual([7, 7]);
});

test("T31 a host whose clock is ten minutes off joins; one whose clock is days off stores nothing, and counts once", async () => {
  await using stage = await JoinStage.open();
  const token = await stage.token({ uses: 2 });
  const off = (minutes: number) => ({
    now: () => new Date(stage.fleet.now.getTime() + minutes * 60_000),
  });
  expect((await stage.join(token, "web-01", off(-10))).kind).toBe("joined");
  const late = await joiner("web-02");
  expect(stage.join(token, late, off(-3 * 1440))).rejects.toThrow("is not valid yet");
  expect((await stage.join(token, late, off(10))).kind).toBe("joined");
  expect(await stage.used(token)).toBe(2);
});

test("T68 a host ten minutes behind, where certificates are backdated by less, is told to set its clock", async () => {
  await using stage = await JoinStage.open(["cert_backdate = 60"]);
  const token = await stage.token();
  const host = await joiner("web-01");
  const behind = { now: () => new Date(stage.fleet.now.getTime() - 600_000) };
  await expect(stage.join(token, host, behind)).rejects.toMatchObject({
    message: expect.stringContaining("the certificate that it sends is not valid yet"),
    hint: expect.stringContaining("Set the clock right and pair again."),
  });
  expect((await stage.join(token, host)).kind).toBe("joined");
  expect(await stage.used(token)).toBe(1);
});

test("T68 a control host whose agents' clocks are ten minutes off lets nobody join; its log says why", async () => {
  await using stage = await JoinStage.open();
  const token = await stage.token();
  const seen = isoSeconds(stage.fleet.now);
  const clocks: Record<string, object> = {};
  for (const hostname of ["db-01", "db-02", "db-03"]) {
    const record = { hostname, ip: "127.0.0.1", port: 1, expiry: "", paired: "" };
    stage.fleet.folder.write(`control/state/agents/${hostname}.json`, JSON.stringify(record));
    clocks[hostname] = { offset: -600, seen };
  }
  stage.fleet.folder.write("control/state/clocks.json", JSON.stringify(clocks));
  expect(await stage.join(token, "web-01")).toEqual({
    ...{ kind: "refused", reason: "the control host cannot let hosts join now", again: true },
  });
  expect(stage.lastRefusal).toMatch(
    /^Cannot let a host join: the clocks of 3 of the 3 hosts .* \(db-0\d is 10 minutes behind\)$/,
  );
  expect([stage.lastCode, await stage.used(token)]).toEqual(["local", 0]);
});

describe("T33 a name that is registered", () => {
  test("is not taken over with a token alone", async () => {
    await using stage = await JoinStage.open();
    const token = await stage.token({ uses: 2 });
    await stage.join(token, "web-01");
    const { serial } = stage.fleet.record("web-01");
    expect(await stage.join(token, "WEB-01")).toEqual(
      REFUSED("a host of this name is registered already"),
    );
    expect(stage.lastCode).toBe("registered");
    expect(stage.fleet.record("web-01").serial).toBe(serial);
    expect(await stage.used(token)).toBe(1);
  });

  test("is taken by the same host with its old key, which is not revoked", async () => {
    await using stage = await JoinStage.open();
    const token = await stage.token({ uses: 2 });
    const host = await joiner("web-01");
    const first = await stage.join(token, host);
    if (first.kind !== "joined") throw new Error(first.reason);
    const own = { certPem: first.enrolled.certPem, keyPem: host.keyPem };
    const { registry } = stage.controller.store;
    await registry.change((record) => ({ ...record, ip: "192.0.2.7", lookup_by: "ip" }));
    expect((await stage.join(token, "web-01", { own, servePort: 7450 })).kind).toBe("joined");
    expect(stage.fleet.log.of("join").at(-1)?.fields.REASON).toBe("same host");
    // It may be somewhere else by now, but how it is called is the operator's to say.
    expect(stage.fleet.record("web-01")).toMatchObject({
      ...{ ip: "127.0.0.1", port: 7450, lookup_by: "ip" },
    });
    expect([...(await stage.controller.store.certificates.revoked())]).toEqual([]);
    expect(await stage.used(token)).toBe(2);
  });

  test("is not taken with an old certificate without its key, nor with another host's, nor with a revoked one", async () => {
    await using stage = await JoinStage.open();
    const token = await stage.token({ uses: 9 });
    const [web, db] = [await joiner("web-01"), await joiner("db-01")];
    const first = await stage.join(token, web);
    const second = await stage.join(token, db);
    if (first.kind !== "joined" || second.kind !== "joined") throw new Error("not joined");
    const webPem = first.enrolled.certPem;
    const taken = REFUSED("a host of this name is registered already");
    const stolen = { certPem: webPem, keyPem: db.keyPem };
    expect(await stage.join(token, "web-01", { own: stolen })).toEqual(taken);
    const others = { certPem: second.enrolled.certPem, keyPem: db.keyPem };
    expect(await stage.join(token, "web-01", { own: others })).toEqual(taken);
    const { serial } = stage.fleet.record("web-01");
    await stage.controller.store.exclusively((writer) => writer.revoke([serial], "stolen"));
    const revoked = { certPem: webPem, keyPem: web.keyPem };
    expect(await stage.join(token, "web-01", { own: revoked })).toEqual(taken);
    expect(await stage.used(token)).toBe(2);
  });

  test("is taken over with --replace: the host before is revoked, and the log says so", async () => {
    await using stage = await JoinStage.open();
    const first = await stage.token({ tags: { env: "test", role: "web" } });
    await stage.join(first, "web-01");
    const { serial } = stage.fleet.record("web-01");
    const token = await stage.token({ replace: true, tags: { role: "db" } });
    expect((await stage.join(token, "web-01")).kind).toBe("joined");
    expect([...(await stage.controller.store.certificates.revoked())]).toEqual([serial]);
    expect(stage.fleet.log.of("revoke")).toMatchObject([
      { fields: { AGENT: "web-01", SERIALS: serial } },
    ]);
    expect(stage.fleet.record("web-01").tags).toEqual({ env: "test", role: "db" });
    expect(stage.fleet.record("web-01").serial).not.toBe(serial);
  });
});

test("T32 the secret is in no file of the control host, no log line and no answer", async () => {
  await using stage = await JoinStage.open();
  const text = await stage.token();
  const { seed } = parts(text);
  await stage.join(text, "web-01");
  await stage.join(text, "web-02");
  const state = stage.fleet.folder.join("control/state");
  const files = readdirSync(state, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(`${entry.parentPath}/${entry.name}`).toString("latin1"));
  const told = [...files, JSON.stringify(stage.fleet.log.events)].join("\n");
  for (const form of ["hex", "base64", "base64url"] as const) {
    expect(told).not.toContain(Buffer.from(seed).toString(form).replace(/=+$/, ""));
  }
  expect(told).not.toContain(text.slice(60, 100));
});

test("T31 whatever else comes to the door is refused, and counts nothing", async () => {
  await using stage = await JoinStage.open();
  const token = await stage.token();
  using other = new PairingClient(stage.port);
  await other.asks("/join", {});
  expect(await other.asks("/join-proof", { token: parts(token).id })).toEqual({
    status: "error",
    reason: "invalid request",
  });
  expect(stage.lastRefusal).toBe("not the proof of a token");
  using early = new PairingClient(stage.port);
  expect(await early.asks("/join-proof", {})).toEqual({
    status: "error",
    reason: "invalid request",
  });
  expect(await stage.used(token)).toBe(0);
});
