/** What is told of an agent that could not be asked, or whose answer is none. */
import { expect, test } from "bun:test";
import { agentProblem, droppedAnswer } from "../../../../src/controller/fleet/agent-problem.ts";
import { targetOf } from "../../../../src/controller/fleet/targets.ts";
import { CtrlExecError } from "../../../../src/core/errors.ts";

const target = targetOf("web-01", undefined);
const problem = (thrown: unknown) => agentProblem(thrown, target, "192.0.2.7:7443", "/srv/c.conf");

test("an answer that is not valid names the host, and keeps its cause", () => {
  const thrown = new CtrlExecError("protocol", "sent no HTTP");
  expect(problem(thrown)).toMatchObject({
    ...{ code: "protocol", message: "web-01 sent no HTTP", cause: thrown },
  });
});

test("an error that needs no explanation stays as it is", () => {
  for (const thrown of [new Error("refused"), new CtrlExecError("too-large", "is too large")]) {
    expect(problem(thrown)).toBe(thrown);
  }
});

test("of an answer that was too large it is said whether the script has run", () => {
  const large = new CtrlExecError("too-large", "is larger than 1 MiB");
  const dropped = (ran: boolean, cause = large) => {
    const { code, message, hint } = droppedAnswer(cause, "web-01", "/run", ran);
    expect([code, message]).toEqual([
      "too-large",
      "the answer of web-01 to /run was dropped: it is larger than 1 MiB",
    ]);
    return hint;
  };
  const usual = "No agent answers like that: see what is running there.";
  expect([dropped(true), dropped(false)]).toEqual([`The script has run. ${usual}`, usual]);
  const own = new CtrlExecError("too-large", "is larger than 1 MiB", { hint: "Raise max_reply." });
  expect(dropped(false, own)).toBe("Raise max_reply.");
});
