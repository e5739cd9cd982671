/** How an answer comes to the connection that waits for it. The store is the real one, and counts who looks. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { PairingAnswers } from "../../../../src/controller/pairing/answers.ts";
import type { PairingStore } from "../../../../src/controller/store/ports/pairing.ts";
import { until } from "../../../support/folder.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

const [FIRST, SECOND] = ["0123456789abcdef", "fedcba9876543210"];

let fleet: LocalFleet;
let looks: number;
let beforeLook: () => Promise<void>;
let answers: PairingAnswers;
let got: string[];

beforeEach(async () => {
  fleet = await LocalFleet.bare();
  [looks, beforeLook, got] = [0, async () => undefined, []];
  const { store } = fleet.controller;
  const pairing: PairingStore = Object.assign(Object.create(store.pairing), {
    answered: async () => {
      looks += 1;
      await beforeLook();
      return await store.pairing.answered();
    },
    takeAnswer: (id: string) => store.pairing.takeAnswer(id),
  });
  answers = new PairingAnswers({ ...fleet.controller, store: { ...store, pairing } });
});
afterEach(async () => {
  answers.close();
  await fleet[Symbol.asyncDispose]();
});

const expectAnswer = (id: string) => answers.expect(id, (answer) => got.push(`${id} ${answer}`));
const answer = (id: string, text = "{}") =>
  fleet.folder.write(`control/state/pairing/${id}.denied`, `${text}\n`);
const lookedAgain = async (times = 2) => {
  const before = looks;
  await until("the folder is looked at again", () => looks >= before + times);
};

test("each answer comes once, to whoever waits for it, and then nobody looks any more", async () => {
  expectAnswer(FIRST);
  expectAnswer(SECOND);
  answer(SECOND);
  await until("one has its answer", () => got.length > 0);
  await lookedAgain();
  answer(FIRST, '{"status":"denied"}');
  await until("both have theirs", () => got.length > 1);
  expect(got).toEqual([`${SECOND} {}`, `${FIRST} {"status":"denied"}`]);
  const before = looks;
  await Bun.sleep(250);
  expect(looks).toBe(before);
  // The next one is looked for as the first was.
  answer(FIRST);
  expectAnswer(FIRST);
  await until("it has come", () => got.length > 2);
});

test("an answer that nobody waits for, or no longer, is left where it is", async () => {
  for (const id of [FIRST, SECOND]) expectAnswer(id);
  answers.forget(FIRST);
  answer(FIRST);
  await lookedAgain();
  answer(SECOND);
  await until("the other one has come", () => got.length > 0);
  expect(got).toEqual([`${SECOND} {}`]);
  expect(await fleet.controller.store.pairing.takeAnswer(FIRST)).toBe("{}");
});

test("who leaves while his answer is looked for gets none", async () => {
  expectAnswer(FIRST);
  answer(FIRST);
  beforeLook = async () => answers.forget(FIRST);
  await until("it is looked for", () => looks > 0);
  await Bun.sleep(0);
  expect(got).toEqual([]);
});

test("a look that takes long is not overtaken by the next", async () => {
  const slow = Promise.withResolvers<void>();
  beforeLook = () => slow.promise;
  expectAnswer(FIRST);
  await until("it is looked for", () => looks > 0);
  await Bun.sleep(250);
  expect(looks).toBe(1);
  slow.resolve();
  await lookedAgain();
});

test("closed, it looks no more", async () => {
  expectAnswer(FIRST);
  answers.close();
  answer(FIRST);
  await Bun.sleep(150);
  expect([looks, got]).toEqual([0, []]);
});

test("T20 an answer, or a folder, that cannot be read is reported once, and read when it can be", async () => {
  const failures = () => fleet.log.of("pair-answer-fail").map(({ fields }) => fields.REQID);
  const folder = fleet.folder.write("control/state/pairing", "in the way");
  for (const id of [FIRST, SECOND]) expectAnswer(id);
  await until("it has failed twice", () => looks > 2);
  expect(failures()).toEqual([FIRST, SECOND]);
  expect(String(fleet.log.of("pair-answer-fail")[0]?.fields.ERROR)).toContain(folder);
  rmSync(folder);
  // A folder in its place.
  fleet.folder.write(`control/state/pairing/${FIRST}.denied/x`, "");
  answer(SECOND);
  await until("the other one has come", () => got.length > 0);
  expect(failures()).toEqual([FIRST, SECOND]);
  rmSync(`${folder}/${FIRST}.denied`, { recursive: true });
  answer(FIRST);
  await until("both have come", () => got.length > 1);
  // It is told anew of who asks again.
  fleet.folder.write(`control/state/pairing/${FIRST}.denied/x`, "");
  expectAnswer(FIRST);
  await until("it has failed again", () => failures().length > 2);
  await lookedAgain();
  expect(failures()).toEqual([FIRST, SECOND, FIRST]);
});
