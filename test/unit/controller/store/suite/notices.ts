import { expect, test } from "bun:test";
import type { WaitingNotice } from "../../../../../src/controller/store/ports/notices.ts";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { Stage } from "./stage.ts";

const notice = (receiver: string, ms: number): WaitingNotice => {
  return { id: "0123456789abcdef", kind: "run-failed", receiver, since: new Date(ms) };
};

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

  test("one at a time hands out", async () => {
    await using stage = await Stage.open(make);
    const { notices } = stage.store;
    const own = await notices.ownDelivery();
    expect(own).toBeDefined();
    expect(await notices.ownDelivery()).toBeUndefined();
    own?.[Symbol.dispose]();
    using again = await notices.ownDelivery();
    expect(again).toBeDefined();
  });
}
