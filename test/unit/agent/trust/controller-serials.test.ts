import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import {
  ControllerSerials,
  forgetPreviousSerial,
  storeControllerSerial,
} from "../../../../src/agent/trust/controller-serials.ts";
import { TestFolder } from "../../../support/folder.ts";

/** @param name in the certificate */
function trusts(serials: ControllerSerials, serial: string, name = "ctrl-exec"): boolean {
  return serials.judge({ serial, commonName: name, dnsNames: [name] }).kind === "trusted";
}

/** As of 0.8. */
function trustsUnmarked(serials: ControllerSerials, serial: string, commonName: string): boolean {
  return serials.judge({ serial, commonName, dnsNames: [] }).kind === "trusted";
}

describe("the controller's serial", () => {
  test("a stored one counts at once, with the one before until it has called", () => {
    using folder = new TestFolder();
    const path = folder.write("ctrl-exec-serial", "0A1\n");
    const serials = new ControllerSerials(path);
    expect(trusts(serials, "a1")).toBe(true);
    storeControllerSerial(path, "b2");
    expect(trusts(serials, "b2")).toBe(false);
    serials.look();
    expect(trusts(serials, "a1")).toBe(true);
    expect(trusts(serials, "b2")).toBe(true);
    expect(trusts(serials, "a1")).toBe(false);
    expect(existsSync(`${path}.previous`)).toBe(false);
    expect(readFileSync(path, "utf8")).toBe("b2\n");
  });

  test("a second new one before the first has called keeps the proven one", () => {
    using folder = new TestFolder();
    const path = folder.write("ctrl-exec-serial", "a1\n");
    storeControllerSerial(path, "b2");
    storeControllerSerial(path, "c3");
    const serials = new ControllerSerials(path);
    expect(trusts(serials, "b2")).toBe(false);
    expect(trusts(serials, "a1")).toBe(true);
    expect(trusts(serials, "c3")).toBe(true);
  });

  test("going back to the proven one leaves nothing else", () => {
    using folder = new TestFolder();
    const path = folder.write("ctrl-exec-serial", "a1\n");
    storeControllerSerial(path, "b2");
    storeControllerSerial(path, "a1");
    const serials = new ControllerSerials(path);
    expect(trusts(serials, "b2")).toBe(false);
    expect(trusts(serials, "a1")).toBe(true);
    expect(existsSync(`${path}.previous`)).toBe(false);
  });

  test("T10 between the two writes, the present one calling does not drop its copy", () => {
    using folder = new TestFolder();
    const path = folder.write("ctrl-exec-serial", "a1\n");
    folder.write("ctrl-exec-serial.previous", "a1\n");
    const serials = new ControllerSerials(path);
    expect(trusts(serials, "a1")).toBe(true);
    folder.write("ctrl-exec-serial", "b2\n");
    serials.look();
    expect(trusts(serials, "a1")).toBe(true);
  });

  for (const content of ["", "not hex\n", "a1 b2\n", `${"f".repeat(41)}\n`]) {
    test(`${JSON.stringify(content)} trusts nobody`, () => {
      using folder = new TestFolder();
      const serials = new ControllerSerials(folder.write("ctrl-exec-serial", content));
      expect(serials.known).toBe(false);
      for (const serial of ["", "0", "a1", "b2"]) expect(trusts(serials, serial)).toBe(false);
    });
  }

  test("T63 another agent's serial, announced as the new one, neither lets it in nor ends the old one", () => {
    using folder = new TestFolder();
    const path = folder.write("ctrl-exec-serial", "a1\n");
    storeControllerSerial(path, "db");
    for (const serials of [new ControllerSerials(path), new ControllerSerials(path)]) {
      expect(serials.judge({ serial: "db", commonName: "db-01", dnsNames: ["db-01"] })).toEqual({
        kind: "refused",
        reason: "the certificate is that of db-01",
      });
      expect(trustsUnmarked(serials, "db", "db-01")).toBe(false);
      expect(trusts(serials, "a1")).toBe(true);
      expect(trusts(serials, "db", "db-01")).toBe(false);
    }
    expect(readFileSync(`${path}.previous`, "utf8")).toBe("a1\n");
    // The control host rotates as if nothing had happened.
    storeControllerSerial(path, "c3");
    const serials = new ControllerSerials(path);
    expect(trusts(serials, "db", "db-01")).toBe(false);
    expect(trusts(serials, "a1")).toBe(true);
    expect(trusts(serials, "c3")).toBe(true);
    expect(trusts(serials, "a1")).toBe(false);
  });

  test("T63 an agent's certificate is refused under the proven serial too, whoever wrote it there", () => {
    using folder = new TestFolder();
    const serials = new ControllerSerials(folder.write("ctrl-exec-serial", "db\n"));
    expect(trusts(serials, "db", "db-01")).toBe(false);
  });

  test("T63 a control host of 0.8 is known by its reserved name, or by the one it has called under", () => {
    using folder = new TestFolder();
    const path = folder.write("ctrl-exec-serial", "a1\n");
    storeControllerSerial(path, "b2");
    expect(trustsUnmarked(new ControllerSerials(path), "b2", "ctrl-exec")).toBe(true);
    storeControllerSerial(path, "c3");
    const serials = new ControllerSerials(path);
    expect(trustsUnmarked(serials, "c3", "ops.example.com")).toBe(false);
    expect(trustsUnmarked(serials, "b2", "ops.example.com")).toBe(true);
    expect(trustsUnmarked(serials, "c3", "db-01")).toBe(false);
    expect(existsSync(`${path}.previous`)).toBe(true);
    expect(trustsUnmarked(serials, "c3", "ops.example.com")).toBe(true);
    expect(existsSync(`${path}.previous`)).toBe(false);
  });

  test("a file that can no longer be used is reported, and the earlier serial stays in force", () => {
    using folder = new TestFolder();
    const path = folder.write("ctrl-exec-serial", "a1\n");
    const serials = new ControllerSerials(path);
    const look = (text: string) => {
      folder.write("ctrl-exec-serial", text);
      serials.look();
      return [serials.problem, serials.current, serials.known];
    };
    expect(look("what\n")).toEqual([`Cannot use ${path}: it contains no serial`, "a1", true]);
    expect(trusts(serials, "a1")).toBe(true);
    expect(look("b2\n")).toEqual([undefined, "b2", true]);
    rmSync(path);
    serials.look();
    expect([serials.problem, serials.known, trusts(serials, "b2")]).toEqual([
      undefined,
      false,
      false,
    ]);
  });

  test("storing the same one again changes nothing; a file that cannot be read is replaced", () => {
    using folder = new TestFolder();
    const path = folder.write("ctrl-exec-serial", "a1\n");
    storeControllerSerial(path, "a1");
    expect(existsSync(`${path}.previous`)).toBe(false);
    rmSync(path);
    symlinkSync("elsewhere", folder.join("second"));
    symlinkSync("second", path);
    storeControllerSerial(path, "b2");
    expect(readFileSync(folder.join("second"), "utf8")).toBe("b2\n");
    storeControllerSerial(path, "c3");
    expect(readFileSync(folder.join("second.previous"), "utf8")).toBe("b2\n");
    forgetPreviousSerial(path);
    expect(existsSync(folder.join("second.previous"))).toBe(false);
  });
});
