import { expect, test } from "bun:test";
import {
  inWords,
  neverStarted,
  saysNeverStarted,
  startProblem,
} from "../../../src/core/start-failure.ts";

const SHORT = "the limit of processes is reached on the agent; wait until some have ended";

test.each([
  ["EACCES", "it is not executable"],
  ["ENOENT", "no such file, or its interpreter is missing"],
  ["ENOEXEC", "it has no #! line and is no program"],
  ["ETXTBSY", "ETXTBSY"],
  ["E2BIG", "the arguments are longer than this system allows"],
  ["EAGAIN", SHORT],
  ["ELOOP", "ELOOP"],
])("%s ran nothing, and the caller understands it so", (code, words) => {
  expect(neverStarted(code)).toBe(true);
  const message = startProblem("/opt/a: b.sh", code, false);
  expect(message).toStartWith(`cannot execute /opt/a: b.sh: ${words}`);
  expect(saysNeverStarted(message)).toBe(true);
});

test.each(["ENOMEM", "EMFILE", "EIO"])("T65 of %s it is not known", (code) => {
  expect(neverStarted(code)).toBe(false);
  // So 1.0 says it, too.
  expect(saysNeverStarted(startProblem("/opt/a.sh", code, false))).toBe(false);
  const message = startProblem("/opt/a.sh", code, true);
  expect(message).toStartWith(
    "cannot tell whether /opt/a.sh ran (it was ended at once; what it had started may still run): ",
  );
  expect(saysNeverStarted(message)).toBe(false);
});

test("what is being written is said so to people alone, also if an agent of 1.0 has answered", () => {
  const told = "cannot execute /opt/a.sh: ETXTBSY";
  const words =
    "cannot execute /opt/a.sh: it is being written (ETXTBSY); try again when that is done";
  expect([inWords(told), inWords(words)]).toEqual([words, words]);
  expect(saysNeverStarted(words)).toBe(true);
  expect(inWords("no: ETXTBSY")).toBe("no: ETXTBSY");
});

test("an error that only names such a reason is another", () => {
  expect(saysNeverStarted("denied: it is not executable")).toBe(false);
  expect(saysNeverStarted("it is not executable")).toBe(false);
});
