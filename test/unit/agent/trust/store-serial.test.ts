import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { updateControllerSerial } from "../../../../src/agent/trust/store-serial.ts";
import { readCertificate } from "../../../../src/pki/certificate.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";

describe("update-ctrl-exec-serial", () => {
  let fleet: LocalFleet;
  let agent: LocalAgent;
  let before: string;

  beforeAll(async () => {
    fleet = await LocalFleet.create();
    agent = await fleet.addAgent("web-01");
    before = readFileSync(agent.path("ctrl-exec-serial"), "utf8");
  });
  afterAll(async () => {
    await fleet[Symbol.asyncDispose]();
  });

  function context(args: readonly string[], script = "update-ctrl-exec-serial"): string {
    return JSON.stringify({ script, args, reqid: "0123456789abcdef", peer_ip: "127.0.0.1" });
  }

  const refused: readonly (readonly [string, readonly string[], string])[] = [
    ["no context", ["b2"], ""],
    ["another script's context", ["b2"], context(["b2"], "greet")],
    ["a context for another serial", ["b2"], context(["c3"])],
    ["no serial", [], context([])],
    ["two serials", ["b2", "c3"], context(["b2", "c3"])],
    ["words", ["; rm -rf /"], context(["; rm -rf /"])],
    ["a path", ["../../b2"], context(["../../b2"])],
    ["nothing but zeros", ["0000"], context(["0000"])],
    ["more than 20 octets", ["f".repeat(41)], context(["f".repeat(41)])],
  ];
  for (const [name, args, input] of refused) {
    test(`refuses ${name}, and stores nothing`, () => {
      expect(() => updateControllerSerial(agent.config, args, input)).toThrow(/^Cannot /);
      expect(readFileSync(agent.path("ctrl-exec-serial"), "utf8")).toBe(before);
      expect(existsSync(agent.path("ctrl-exec-serial.previous"))).toBe(false);
    });
  }

  test("refuses the agent's own serial, which every other agent could see", () => {
    const own = readCertificate(readFileSync(agent.config.cert, "utf8"), "the certificate").serial;
    expect(() => updateControllerSerial(agent.config, [own], context([own]))).toThrow("own serial");
  });

  test("refuses a revoked serial", () => {
    fleet.folder.write("web-01/revoked-serials", "0xB2\n");
    expect(() => updateControllerSerial(agent.config, ["b2"], context(["b2"]))).toThrow("revoked");
  });

  test("refuses every serial while a line of the revocation list cannot be read, and leaves the list", () => {
    const path = fleet.folder.write("web-01/revoked-serials", "0xB2 lost\n");
    expect(() => updateControllerSerial(agent.config, ["b2"], context(["b2"]))).toThrow(
      `Cannot use ${path}: line 1 is not a serial`,
    );
    expect(readFileSync(agent.path("ctrl-exec-serial"), "utf8")).toBe(before);
    expect(readFileSync(path, "utf8")).toBe("0xB2 lost\n");
    fleet.folder.write("web-01/revoked-serials", "0xB2\n");
  });

  test("stores a serial that the agent was asked to store", () => {
    expect(updateControllerSerial(agent.config, ["0C3"], context(["0C3"]))).toBe("c3");
    expect(readFileSync(agent.path("ctrl-exec-serial"), "utf8")).toBe("c3\n");
    expect(readFileSync(agent.path("ctrl-exec-serial.previous"), "utf8")).toBe(before);
  });

  test("stores what a 1.0 control host sends without its leading zero as 0.8 compares it", () => {
    expect(updateControllerSerial(agent.config, ["2"], context(["2"]))).toBe("02");
    expect(readFileSync(agent.path("ctrl-exec-serial"), "utf8")).toBe("02\n");
  });
});
