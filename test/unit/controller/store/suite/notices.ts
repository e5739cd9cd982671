import { expect, test } from "bun:test";
import type {
  ToldState,
  WaitingNotice,
} from "../../../../../src/controller/store/ports/notices.ts";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { Stage } from "./stage.ts";

const notice = (receiver: string, ms: number): WaitingNotice => {
  return { id: "0123456789abcdef", kind: "run-failed", receiver, since: new Date(ms) };
};

const REFUSED = "join-refused" as const;
const numbered = (at: number) => ({ id: String(at).padStart(16, "0") });

export function noticesSuite(make: MakeStore): void {
  test("nothing waits at first, and to look leaves nothing behind", async () => {
    await using stage = await Stage.open(make);
    expect(await stage.store.notices.waiting()).toEqual([]);
    expect(await stage.store.notices.body(notice("pager", 1))).toBeUndefined();
    await stage.store.notices.remove(notice("pager", 1));
  });

  test("what was added waits for its receiver, the oldest first, until it is removed", async () => {
    await using stage = await Stage.open(make);
    const { notices } = stage.store;
    const [late, early, other] = [notice("pager", 20), notice("pager", 3), notice("chat", 10)];
    expect(await notices.add(late, '{"at":20}')).toBe(0);
    await notices.add(early, '{"at":3}');
    await notices.add(other, '{"at":10}');
    expect(await notices.waiting()).toEqual([early, other, late]);
    expect(await notices.body(other)).toBe('{"at":10}');
    await notices.remove(other);
    expect(await notices.waiting()).toEqual([early, late]);
  });

  test("T35 when too many wait, refused joins go first, and none of them pushes out anything else", async () => {
    await using stage = await Stage.open(make);
    const { notices } = stage.store;
    const refused = (ms: number) => ({ ...notice("pager", ms), ...numbered(ms), kind: REFUSED });
    const other = (ms: number) => ({ ...notice("pager", ms), ...numbered(ms) });
    for (let ms = 1; ms <= 198; ms++) await notices.add(other(ms), "{}");
    await notices.add(refused(300), "{}");
    await notices.add(refused(301), "{}");
    // There is no room for a third one, but for what it replaces; nor for anything else.
    expect(await notices.add(refused(302), "{}")).toBe(1);
    expect(await notices.add(other(303), "{}")).toBe(1);
    expect(await notices.add(other(304), "{}")).toBe(1);
    expect((await notices.waiting()).filter(({ kind }) => kind === REFUSED)).toEqual([]);
    expect(await notices.add(refused(305), "{}")).toBe(1);
    expect((await notices.waiting())[0]).toEqual(other(1));
    expect(await notices.add(other(306), "{}")).toBe(1);
    const waiting = await notices.waiting();
    expect([waiting.length, waiting[0], waiting.at(-1)]).toEqual([200, other(2), other(306)]);
    // What is there already takes no room: it was left before a kill.
    expect(await notices.add(other(306), "{}")).toBe(0);
  });

  test("what was told is kept, and one at a time looks", async () => {
    await using stage = await Stage.open(make);
    const { notices } = stage.store;
    expect(await notices.told()).toEqual({ told: [], pending: [] });
    const subject = { host: "web-01" };
    const state: ToldState = {
      told: [{ kind: "agent-stale", about: "agent web-01", which: "", subject }],
      pending: [
        {
          id: "0123456789abcdef",
          since: new Date(1000),
          news: { kind: "agent-stale", over: false, count: 1, hosts: [subject] },
        },
      ],
    };
    await notices.keepTold(state);
    expect(await notices.told()).toEqual(state);
    expect(await notices.waiting()).toEqual([]);
    await using own = await notices.ownLook();
    expect(own).toBeDefined();
    expect(await notices.ownLook()).toBeUndefined();
  });

  test("one at a time hands out", async () => {
    await using stage = await Stage.open(make);
    const { notices } = stage.store;
    const own = await notices.ownDelivery();
    expect(own).toBeDefined();
    expect(await notices.ownDelivery()).toBeUndefined();
    await own?.[Symbol.asyncDispose]();
    await using again = await notices.ownDelivery();
    expect(again).toBeDefined();
  });
}
