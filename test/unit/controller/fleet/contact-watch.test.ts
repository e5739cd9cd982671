import { expect, test } from "bun:test";
import { type Contact, ContactWatch } from "../../../../src/controller/fleet/contact-watch.ts";
import { until } from "../../../support/folder.ts";

const SOON = { silence: 20, break: 10 };
const NEVER = 100_000;

/** @param limits milliseconds */
function watching(limits: { readonly silence: number; readonly break: number }) {
  const told: string[] = [];
  const watch = new ContactWatch((contact: Contact) => {
    told.push(contact.kind === "back" ? "back" : `${contact.why}; ${contact.seconds}s`);
  }, limits);
  return { told, watch };
}

const inSeconds = (seconds: number) => performance.now() + seconds * 1000;

test("silence is told once, and that it is over", async () => {
  const { told, watch } = watching({ silence: 20, break: NEVER });
  using _ = watch;
  watch.waiting(inSeconds(45));
  await until("it is told", () => told.length > 0);
  watch.heard();
  watch.heard();
  expect(told).toEqual(["nothing has come for 0.02s; 45s", "back"]);
  // And again.
  watch.waiting(inSeconds(45));
  await until("it is told", () => told.length > 2);
});

test("a connection that breaks is told by its last problem, however often it is tried", async () => {
  const { told, watch } = watching({ silence: NEVER, break: 30 });
  using _ = watch;
  watch.waiting(inSeconds(45));
  watch.broken("it was closed", inSeconds(60));
  const trying = setInterval(() => watch.broken("nobody listens", Number.POSITIVE_INFINITY), 5);
  await until("it is told", () => told.length > 0);
  watch.waiting(inSeconds(45));
  await Bun.sleep(40);
  clearInterval(trying);
  expect(told).toEqual(["nobody listens; undefineds"]);
});

test("what is heard in time, or no longer watched, is not told", async () => {
  const { told, watch } = watching(SOON);
  {
    using _ = watch;
    watch.waiting(inSeconds(1));
    watch.heard();
    watch.broken("it was closed", inSeconds(1));
    watch.heard();
    watch.broken("it was closed", inSeconds(1));
  }
  await Bun.sleep(40);
  expect(told).toEqual([]);
});
