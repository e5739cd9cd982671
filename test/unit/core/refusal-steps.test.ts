import { expect, test } from "bun:test";
import { pairAgain, runsAlreadyAs, runsAs, withNextStep } from "../../../src/core/refusal-steps.ts";

const USUAL = { file: "/etc/ctrl-exec/ctrl-exec.conf", pairing_port: 7444 };
const OTHER = { file: "/srv/fleet b.conf", pairing_port: 17444 };

test("what is run on the host names the pairing port, unless it is the usual one", () => {
  const usual =
    "pair it again, on that host: ctrl-exec-agent request-pairing --dispatcher <this host>";
  expect(pairAgain(USUAL)).toBe(usual);
  expect(pairAgain(OTHER)).toBe(`${usual} --port 17444`);
  expect(pairAgain({ ...OTHER, pairing_port: 0 })).toBe(`${usual} --port <port>`);
});

test("the refusals of an agent that people meet have a step, in which commands use the same file", () => {
  expect(withNextStep("serial mismatch", OTHER)).toEndWith(pairAgain(OTHER));
  expect(withNextStep("certificate revoked", USUAL)).toContain("ctrl-exec setup-ctrl-exec and");
  expect(withNextStep("certificate revoked", OTHER)).toContain(
    "ctrl-exec setup-ctrl-exec --config '/srv/fleet b.conf' and",
  );
  expect(withNextStep("script not permitted", USUAL)).toStartWith(
    "script not permitted: list it in that host's scripts.conf and reload the agent there;",
  );
  expect(withNextStep("script not permitted", USUAL, "deploy")).toStartWith(
    "script not permitted: list deploy in that host's scripts.conf and reload",
  );
  expect(withNextStep("script not permitted", USUAL, "a;b")).toContain(": list it in");
  expect(runsAlreadyAs(runsAs("a1b2c3d4e5f60718"))).toBe("a1b2c3d4e5f60718");
  expect(runsAlreadyAs(runsAs("--config x"))).toBeUndefined();
  expect(withNextStep("no such file", USUAL)).toBe("no such file");
});
