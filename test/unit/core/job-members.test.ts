import { describe, expect, test } from "bun:test";
import {
  isConfirmed,
  type JobClues,
  type Member,
  membersOf,
  type ProcessFacts,
  withheldFrom,
} from "../../../src/core/job-members.ts";

const process = (pid: number, parent: number, session: number, start = pid): ProcessFacts => ({
  pid,
  parent,
  session,
  start,
});

const SCRIPT = { pid: 100, start: 100 };
const CLUES: JobClues = { known: [SCRIPT], spared: [], isMarked: () => undefined };

const pids = (processes: readonly ProcessFacts[], clues: Partial<JobClues> = {}) =>
  membersOf(processes, { ...CLUES, ...clues })
    .map((member) => member.process.pid)
    .sort((a, b) => a - b);

describe("what belongs to a job", () => {
  const script = process(100, 50, 100);

  test("its script and all below it, in any order", () => {
    const tree = [process(103, 102, 103), process(102, 101, 100), process(101, 100, 100), script];
    expect(pids([process(200, 50, 200), ...tree])).toEqual([100, 101, 102, 103]);
  });

  test("what shares a session with it, although its parent has ended", () => {
    expect(pids([script, process(101, 1, 100), process(102, 1, 102)])).toEqual([100, 101]);
  });

  test("what is marked, and the session and the children of that", () => {
    const escaped = [process(101, 1, 101), process(102, 1, 101), process(103, 102, 103)];
    const isMarked = ({ pid }: ProcessFacts) => (pid === 101 ? true : undefined);
    expect(pids([...escaped, process(104, 1, 104)], { isMarked })).toEqual([101, 102, 103]);
  });

  test("not the session of what is only marked, unless its first process belonged to the job", () => {
    // Anyone who has one process in a session could add the others.
    const foreign = [process(300, 1, 300), process(301, 300, 300), process(302, 301, 300)];
    const isMarked = ({ pid }: ProcessFacts) => (pid === 301 ? true : undefined);
    expect(pids([script, ...foreign], { isMarked })).toEqual([100, 301, 302]);
    const found = membersOf([script, ...foreign], { ...CLUES, isMarked });
    expect(found.map(({ isOnlyMarked }) => isOnlyMarked)).toEqual([undefined, true, true]);
    // Nor when its first process has ended, or is older than the job; a second look proves no more than the first.
    const orphans = [process(301, 1, 300), process(303, 1, 300)];
    expect(pids([script, ...orphans], { isMarked })).toEqual([100, 301]);
    const again = { known: [SCRIPT, { pid: 301, start: 301 }], onlyMarked: new Set(["301 301"]) };
    expect(pids([script, ...orphans], again)).toEqual([100, 301]);
    const former = new Set([300]);
    expect(pids([script, ...orphans], { isMarked, former })).toEqual([100, 301, 303]);
    const isRunning = (pid: number) => pid === 300;
    expect(pids([script, ...orphans], { isMarked, former, isRunning })).toEqual([100, 301]);
  });

  test("what is below it and says that it is none of it is withheld, not passed over", () => {
    const tree = [process(101, 100, 101), process(102, 101, 102), process(103, 1, 100)];
    const isMarked = ({ pid }: ProcessFacts) => (pid === 100 ? undefined : false);
    const withheld = (
      clues: Partial<JobClues> = {},
      all = [script, ...tree, process(400, 1, 400)],
    ) => {
      const given = { ...CLUES, isMarked, ...clues };
      return withheldFrom(membersOf(all, given), all, given).map(({ pid }) => pid);
    };
    expect(withheld()).toEqual([101, 102, 103]);
    expect(withheld({ spared: [{ pid: 101, start: 101 }] })).toEqual([103]);
    // Its parent has ended since.
    expect(withheld({ known: [{ pid: 101, start: 101 }] }, [process(101, 1, 101)])).toEqual([101]);
  });

  test("not what carries another job's mark, nor what is below that", () => {
    const other = [process(101, 100, 101), process(102, 101, 101)];
    const isMarked = ({ pid }: ProcessFacts) => (pid === 101 ? false : undefined);
    expect(pids([script, ...other], { isMarked })).toEqual([100]);
  });

  test("not what is spared, nor what is below that", () => {
    const agent = [process(101, 100, 101), process(102, 101, 102)];
    expect(pids([script, ...agent], { spared: [{ pid: 101, start: 101 }] })).toEqual([100]);
  });

  test("what a login and setsid have cut off, where it can be no other job's, and what is below that", () => {
    const adopter = process(50, 1, 50);
    const cut = [process(101, 50, 101), process(102, 101, 102), process(103, 1, 103)];
    expect(pids([script, ...cut])).toEqual([100]);
    expect(pids([script, ...cut], { adopter })).toEqual([100, 101, 102]);
    const isMarked = ({ pid }: ProcessFacts) => (pid === 101 ? false : undefined);
    expect(pids([script, ...cut], { adopter, isMarked })).toEqual([100]);
    expect(pids([script, ...cut], { adopter, spared: [{ pid: 101, start: 101 }] })).toEqual([100]);
    const member = { process: cut[0], through: adopter };
    expect(membersOf(cut, { ...CLUES, adopter })[0]).toEqual(member as Member);
  });

  test("the oldest come first, each with why it belongs there", () => {
    const [old, child] = [process(300, 100, 100, 50), process(102, 100, 102, 200)];
    const twin = process(101, 102, 101, 200);
    expect(membersOf([twin, script, child, old], CLUES)).toEqual([
      { process: old, through: script },
      { process: script, through: undefined },
      { process: twin, through: child },
      { process: child, through: script },
    ]);
  });

  test("what is known stays known, although its parent belongs there too", () => {
    const child = process(101, 100, 101);
    const known = [SCRIPT, { pid: 101, start: 101 }];
    expect(membersOf([script, child], { ...CLUES, known }).map(({ through }) => through)).toEqual([
      undefined,
      undefined,
    ]);
  });

  test("T75 not what has the script's number and another start, nor what is below that", () => {
    expect(pids([process(100, 1, 100, 900), process(101, 100, 100)])).toEqual([]);
  });
});

describe("T75 whether a link is true", () => {
  const child = process(101, 100, 101);
  const parent = process(100, 50, 100);
  const again = (...now: readonly ProcessFacts[]) =>
    isConfirmed({ process: child, through: parent }, (pid) =>
      now.find((process) => process.pid === pid),
    );

  test.each([
    ["both are as they were", true, [child, parent]],
    ["its parent has ended", false, [process(101, 1, 101), parent]],
    ["it has ended", false, [parent]],
    ["its number is another's", false, [process(101, 100, 101, 900), parent]],
    ["its parent's number is another's", false, [child, process(100, 50, 100, 900)]],
    ["its parent is gone", false, [child]],
  ] as const)("%s: %p", (_, expected, now) => {
    expect(again(...now)).toBe(expected);
  });

  test("through a session", () => {
    const neighbour = process(102, 1, 100);
    const look = (now: ProcessFacts) =>
      isConfirmed({ process: neighbour, through: parent }, (pid) => (pid === 102 ? now : parent));
    expect(look(neighbour)).toBe(true);
    expect(look(process(102, 1, 102))).toBe(false);
  });

  test("what is known or marked needs none", () => {
    expect(isConfirmed({ process: child, through: undefined }, () => child)).toBe(true);
  });
});
