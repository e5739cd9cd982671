import { expect, test } from "bun:test";
import type {
  StoredToken,
  TokenUse,
} from "../../../../../src/controller/store/ports/join-tokens.ts";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { Stage } from "./stage.ts";

const ID = "0123456789abcdef";
const OTHER = "fedcba9876543210";
const KEY = "a".repeat(64);

const token = (id: string): StoredToken => ({
  id,
  public_key: "0a".repeat(32),
  created: "2026-01-01T00:00:00Z",
  expires: "2026-01-01T01:00:00Z",
  uses: 3,
  name: "web-*",
  tags: { role: "web" },
  from: ["192.0.2.0/24"],
  replace: true,
});

const use = (key: string): TokenUse => ({
  key,
  nonce: "0a0b",
  hostname: "web-01",
  ip: "192.0.2.7",
  reqid: ID,
  at: "2026-01-01T00:00:01Z",
  registered: false,
});

export function joinTokensSuite(make: MakeStore): void {
  test("without a token there is none, and no use", async () => {
    await using stage = await Stage.open(make);
    const { joinTokens } = stage.store;
    expect(await joinTokens.all()).toEqual({ tokens: [], broken: [] });
    expect(await joinTokens.find(ID)).toBeUndefined();
    expect(await joinTokens.find("../secret")).toBeUndefined();
    expect(await joinTokens.used(ID)).toBe(0);
    expect(await joinTokens.useBy(ID, KEY)).toBeUndefined();
    expect(await joinTokens.drop(() => true)).toBe(0);
  });

  test("a token is found as it was stored, and as it was changed", async () => {
    await using stage = await Stage.open(make);
    const { joinTokens } = stage.store;
    const { name: _name, ...bare } = token(OTHER);
    await stage.store.exclusively(async (writer) => {
      await writer.putToken(token(ID));
      await writer.putToken(bare);
    });
    expect(await joinTokens.find(ID)).toEqual(token(ID));
    expect(await joinTokens.find(OTHER)).toEqual(bare);
    const revoked = { ...token(ID), revoked: "2026-01-01T00:30:00Z" };
    await stage.store.exclusively((writer) => writer.putToken(revoked));
    const { tokens, broken } = await joinTokens.all();
    expect(tokens.toSorted((a, b) => a.id.localeCompare(b.id))).toEqual([revoked, bare]);
    expect(broken).toEqual([]);
  });

  test("T31 uses are counted by key, for each token alone", async () => {
    await using stage = await Stage.open(make);
    const { joinTokens } = stage.store;
    await stage.store.exclusively(async (writer) => {
      await writer.putToken(token(ID));
      for (const key of [KEY, KEY, "b".repeat(64)]) await writer.putUse(ID, use(key));
      await writer.putUse(ID, { ...use(KEY), registered: true });
    });
    expect([await joinTokens.used(ID), await joinTokens.used(OTHER)]).toEqual([2, 0]);
    expect(await joinTokens.useBy(ID, KEY)).toEqual({ ...use(KEY), registered: true });
    expect(await joinTokens.useBy(OTHER, KEY)).toBeUndefined();
    await stage.store.exclusively((writer) => writer.dropUse(ID, KEY));
    expect([await joinTokens.used(ID), await joinTokens.useBy(ID, KEY)]).toEqual([1, undefined]);
  });

  test("a token that is dropped goes with its uses", async () => {
    await using stage = await Stage.open(make);
    const { joinTokens } = stage.store;
    await stage.store.exclusively(async (writer) => {
      for (const id of [ID, OTHER]) {
        await writer.putToken(token(id));
        await writer.putUse(id, use(KEY));
      }
    });
    expect(await joinTokens.drop(({ id }) => id === ID)).toBe(1);
    expect([await joinTokens.find(ID), await joinTokens.used(ID)]).toEqual([undefined, 0]);
    expect(await joinTokens.used(OTHER)).toBe(1);
  });
}
