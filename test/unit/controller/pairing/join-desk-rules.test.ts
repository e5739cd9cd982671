/** T31, T33: what the rules of join.d refuse, when a token is made and at the door, and that nothing comes of it. */
import { describe, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { formatJoinToken, readJoinToken } from "../../../../src/core/join-token.ts";
import { JoinStage, joiner } from "../../../support/join-stage.ts";

const NOT_FOR_THIS_HOST = {
  kind: "refused" as const,
  reason: "this token is not for this host",
  again: false,
};

function rule(stage: JoinStage, name: string, text: string): string {
  return stage.fleet.folder.write(`control/join.d/${name}.toml`, text);
}

/** The serials that the CA has signed. */
function signed(stage: JoinStage): string {
  try {
    return readFileSync(stage.fleet.folder.join("control/state/issued-certificates"), "utf8");
  } catch {
    return "";
  }
}

describe("T31 a token that no rule allows is not made", () => {
  test.each([
    [{ name: "db-*" }, "web: other names"],
    [{ from: ["203.0.113.0/24"] }, "web: other networks"],
    [{ tags: { role: "db" } }, "web: no tag role=db"],
    [{ replace: true }, "web: no --replace"],
  ])("%j", async (wish, why) => {
    await using stage = await JoinStage.open();
    const text = 'names = ["web-*"]\nnetworks = ["127.0.0.0/8"]\ntags = { role = ["web"] }';
    rule(stage, "web", text);
    const folder = stage.fleet.folder.join("control/join.d");
    expect(stage.token({ ...wish, user: "alice" })).rejects.toMatchObject({
      code: "denied",
      message: `Denied: no rule of join.d allows such a token: ${why}`,
      hint: expect.stringContaining(folder),
    });
    expect((await stage.controller.store.joinTokens.all()).tokens).toEqual([]);
    expect(stage.fleet.log.of("token-create")).toEqual([]);
    expect(stage.fleet.log.of("token-refuse")).toMatchObject([
      { level: "warning", fields: { REASON: why, USER: "alice" } },
    ]);
  });

  test("nor is any, as long as a rule cannot be read", async () => {
    await using stage = await JoinStage.open();
    rule(stage, "web", 'names = ["*"]');
    const file = rule(stage, "db", "names = [");
    expect(stage.token()).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining(file),
    });
    expect((await stage.controller.store.joinTokens.all()).tokens).toEqual([]);
  });
});

test("a host joins by a rule, and the log names it", async () => {
  await using stage = await JoinStage.open();
  rule(stage, "db", 'names = ["db-*"]');
  const text = 'names = ["web-*"]\nnetworks = ["127.0.0.1"]\ntags = { role = ["w*"] }';
  rule(stage, "web", text);
  // A token without bounds of its own is bounded by the rules.
  const token = await stage.token({ tags: { role: "web" }, uses: 2 });
  expect(stage.fleet.log.of("token-create")[0]?.fields.RULES).toBe("web");
  expect((await stage.join(token, "web-01")).kind).toBe("joined");
  expect(stage.fleet.log.of("join")[0]?.fields.RULE).toBe("web");
  expect(stage.fleet.record("web-01").tags).toEqual({ role: "web" });
});

describe("T31 a join that no rule allows: nothing is signed, registered or counted", () => {
  test.each([
    ["another name", 'names = ["db-*"]', "other names"],
    ["another network", 'names = ["*"]\nnetworks = ["192.0.2.0/24"]', "other networks"],
    ["another tag", 'names = ["*"]\ntags = { role = ["db"] }', "no tag role=web"],
  ])("%s", async (_, text, why) => {
    await using stage = await JoinStage.open();
    // Made before there were rules: those in force at the join count.
    const token = await stage.token({ tags: { role: "web" } });
    rule(stage, "r", text);
    const before = signed(stage);
    expect(await stage.join(token, "web-01")).toEqual(NOT_FOR_THIS_HOST);
    expect([stage.lastRefusal, stage.lastCode]).toEqual([
      `no rule of join.d allows it: r: ${why}`,
      "rule",
    ]);
    expect(await stage.registered()).toEqual([]);
    expect(signed(stage)).toBe(before);
    expect(await stage.used(token)).toBe(0);
  });

  test("a rule that cannot be read lets nobody in: the log names the file, the host is told to come again", async () => {
    await using stage = await JoinStage.open();
    const token = await stage.token();
    const file = rule(stage, "web", 'nmaes = ["*"]');
    const before = signed(stage);
    const host = await joiner("web-01");
    expect(await stage.join(token, host)).toEqual({
      kind: "refused",
      reason: "the control host cannot let hosts join now",
      again: true,
    });
    expect(stage.lastCode).toBe("local");
    expect(stage.lastRefusal).toContain(file);
    expect([signed(stage), await stage.registered(), await stage.used(token)]).toEqual([
      before,
      [],
      0,
    ]);
    rule(stage, "web", 'names = ["*"]');
    expect((await stage.join(token, host)).kind).toBe("joined");
  });

  test("whoever has not proved to have the token learns nothing of the rules, and costs no look at them", async () => {
    await using stage = await JoinStage.open();
    const token = await stage.token();
    rule(stage, "web", "names = [");
    const parts = readJoinToken(token);
    if (typeof parts === "string") throw new Error(parts);
    const stolen = formatJoinToken({ ...parts, seed: new Uint8Array(32) });
    expect(await stage.join(stolen, "web-01")).toMatchObject({
      kind: "refused",
      reason: "this token is not accepted",
    });
    expect(stage.lastCode).toBe("signature");
  });
});

test("T31 rules that were taken away while a join was on its way count", async () => {
  await using stage = await JoinStage.open();
  const token = await stage.token({ uses: 2 });
  const host = await joiner("web-01");
  expect((await stage.join(token, host)).kind).toBe("joined");
  // The same host asks again: the rules may have changed since then.
  rule(stage, "db", 'names = ["db-*"]');
  expect(await stage.join(token, host)).toEqual(NOT_FOR_THIS_HOST);
  rmSync(stage.fleet.folder.join("control/join.d"), { recursive: true });
  expect((await stage.join(token, host)).kind).toBe("joined");
  expect(await stage.used(token)).toBe(1);
});

describe("T33 a registered name", () => {
  test("is not taken over where no rule for it allows that, whatever the token says", async () => {
    await using stage = await JoinStage.open();
    await stage.join(await stage.token(), "web-01");
    const { serial } = stage.fleet.record("web-01");
    const token = await stage.token({ replace: true, uses: 2 });
    rule(stage, "web", 'names = ["web-*"]');
    rule(stage, "db", 'names = ["db-*"]\nreplace = true');
    expect(await stage.join(token, "web-01")).toMatchObject({
      kind: "refused",
      reason: "a host of this name is registered already",
    });
    expect([stage.lastRefusal, stage.lastCode]).toEqual([
      "the name is registered, and no rule lets it be replaced",
      "rule",
    ]);
    expect(stage.fleet.record("web-01").serial).toBe(serial);
    expect([...(await stage.controller.store.certificates.revoked())]).toEqual([]);
    expect(await stage.used(token)).toBe(0);
    // A name that nobody has is another matter.
    expect((await stage.join(token, "web-02")).kind).toBe("joined");
  });

  test("is taken over where one does, which the log names", async () => {
    await using stage = await JoinStage.open();
    await stage.join(await stage.token(), "web-01");
    const { serial } = stage.fleet.record("web-01");
    rule(stage, "a", 'names = ["web-*"]');
    rule(stage, "b", 'names = ["web-01"]\nreplace = true');
    const token = await stage.token({ replace: true });
    expect((await stage.join(token, "web-01")).kind).toBe("joined");
    expect(stage.fleet.log.of("join").at(-1)?.fields).toMatchObject({ RULE: "b" });
    expect([...(await stage.controller.store.certificates.revoked())]).toEqual([serial]);
  });

  test("T77 is taken over without the tags that the rule would not let a token give", async () => {
    await using stage = await JoinStage.open();
    await stage.join(await stage.token(), "web-01");
    const tag = async (tags: Record<string, string>) => {
      const record = { ...stage.fleet.record("web-01"), tags };
      await stage.controller.store.exclusively((writer) => writer.putAgent(record));
    };
    await tag({ rack: "3", role: "secret-db" });
    rule(
      stage,
      "web",
      'names = ["web-*"]\nreplace = true\ntags = { rack = ["*"], role = ["web"] }',
    );
    const token = await stage.token({ replace: true, uses: 3 });
    const host = await joiner("web-01");
    expect((await stage.join(token, host)).kind).toBe("joined");
    expect(stage.fleet.record("web-01").tags).toEqual({ rack: "3" });
    expect(stage.fleet.log.of("join").at(-1)?.fields).toMatchObject({ LOST: "role=secret-db" });
    // What an operator gives the new host is its own, also if it asks again.
    await tag({ role: "secret-db" });
    expect((await stage.join(token, host)).kind).toBe("joined");
    expect(stage.fleet.record("web-01").tags).toEqual({ role: "secret-db" });
    expect(stage.fleet.log.of("join").at(-1)?.fields).not.toHaveProperty("LOST");
  });

  test("without rules the operator who made the token hands it over as it is", async () => {
    await using stage = await JoinStage.open();
    await stage.join(await stage.token({ tags: { role: "web" } }), "web-01");
    await stage.join(await stage.token({ replace: true }), "web-01");
    expect(stage.fleet.record("web-01").tags).toEqual({ role: "web" });
  });
});
