/** Which hosts a request asks for: the members that several requests share. */
import { z } from "zod";
import { asCtrlExecError } from "../core/errors.ts";
import { MAX_EXPRESSION, parseHostExpression } from "../core/hosts/parse-expression.ts";
import { parseSampleSize, sizeProblem } from "../core/hosts/sample-size.ts";

export const hostExpressionSchema = z
  .string({ error: "expected a host or a host expression" })
  .min(1, { error: "expected a host or a host expression" })
  .max(MAX_EXPRESSION, { error: `expected at most ${MAX_EXPRESSION} characters` })
  .check(({ value, issues }) => {
    const problem = expressionProblem(value);
    if (problem !== undefined) issues.push({ code: "custom", message: problem, input: value });
  })
  .describe(
    "A registered host name, any host name or address, with a port if needed, or a host expression: web-[01-20], web-*, @all, @@frontends, @stale!db-01.",
  );

/** Why it cannot be read. */
function expressionProblem(text: string): string | undefined {
  try {
    parseHostExpression(text);
    return undefined;
  } catch (thrown) {
    return asCtrlExecError(thrown).message;
  }
}

export const except = z
  .array(hostExpressionSchema, { error: "expected an array of hosts" })
  .default([])
  .describe("Hosts to leave out, even if hosts names them: names or expressions.");

export const limit = z
  .string({ error: "expected text such as 10 or 10%" })
  .transform((text, context) => {
    const size = parseSampleSize(text);
    if (size !== undefined) return size;
    const message = `${sizeProblem(text)}; expected text such as 10 or 10%`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  })
  .optional()
  .describe(
    "Run on only this many of the hosts, chosen at random: a number, or a percentage, which is rounded up.",
  );

export const hosts = z
  .array(hostExpressionSchema, { error: "expected a non-empty array of hosts" })
  .min(1, { error: "expected a non-empty array of hosts" })
  .meta({
    uniqueItems: true,
    description:
      "At most max_hosts hosts (500 unless configured), each name once. Each port of an address counts as a host.",
  });
