/** What one rule of join.d lets a token be made for, and which hosts it lets join with it. */
import { describe, expect, test } from "bun:test";
import { hostProblem, type JoinRule, tokenProblem } from "../../../src/core/join-rule.ts";

const RULE: JoinRule = {
  rule: "web",
  names: ["web-*", "proxy-??"],
  networks: undefined,
  tags: [
    ["role", ["web", "proxy"]],
    ["env", ["test*"]],
  ],
  replace: false,
};

describe("T31 a token", () => {
  test.each([
    [{}, undefined],
    [{ name: "web-*" }, undefined],
    [{ name: "WEB-01" }, undefined],
    [{ name: "*-07" }, undefined],
    [{ name: "db-*" }, "other names"],
    [{ name: "proxy-001" }, "other names"],
    [{ tags: { role: "proxy", env: "test-2" } }, undefined],
    [{ tags: { role: "db" } }, "no tag role=db"],
    [{ tags: { role: "web", owner: "alice" } }, "no tag owner=alice"],
    [{ replace: true }, "no --replace"],
  ])("%j", (token, problem) => {
    expect(tokenProblem(RULE, true, token)).toBe(problem);
  });

  test("for other networks alone", () => {
    expect(tokenProblem(RULE, false, {})).toBe("other networks");
  });

  test("that takes over registered names, where a rule says so", () => {
    expect(tokenProblem({ ...RULE, replace: true }, true, { replace: true })).toBeUndefined();
  });
});

describe("T31 a host", () => {
  test.each([
    ["web-01", {}, undefined],
    ["Web-01", { tags: { role: "web" } }, undefined],
    ["proxy-01", {}, undefined],
    ["proxy-1", {}, "other names"],
    ["db-01", {}, "other names"],
    ["web-01.example.com", {}, undefined],
    ["my-web-01", {}, "other names"],
    ["web-01", { tags: { role: "db" } }, "no tag role=db"],
  ])("%s %j", (name, token, problem) => {
    expect(hostProblem(RULE, name, true, token)).toBe(problem);
  });

  test("from another network", () => {
    expect(hostProblem(RULE, "web-01", false, {})).toBe("other networks");
  });

  test("gets no tag from a rule that names none, and any where it names all", () => {
    const token = { tags: { role: "web" } };
    expect(hostProblem({ ...RULE, tags: [] }, "web-01", true, token)).toBe("no tag role=web");
    expect(hostProblem({ ...RULE, tags: [["*", ["*"]]] }, "web-01", true, token)).toBeUndefined();
  });
});
