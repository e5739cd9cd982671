import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { ControllerSerials, storeControllerSerial } from "../../src/agent/controller-serials.ts";
import { TestFolder } from "../support/folder.ts";

describe("the controller's serial", () => {
  test("a stored one counts at once, with the one before until it has called", () => {
    using folder = new TestFolder();
    const path = folder.write("ctrl-exec-serial", "0A1\n");
    const serials = new ControllerSerials(path);
    expect(serials.trusts("a1")).toBe(true);
    storeControllerSerial(path, "b2");
    expect(serials.trusts("b2")).toBe(false);
    serials.look();
    expect(serials.trusts("a1")).toBe(true);
    expect(serials.trusts("b2")).toBe(true);
    expect(serials.trusts("a1")).toBe(false);
    expect(existsSync(`${path}.previous`)).toBe(false);
    expect(readFileSync(path, "utf8")).toBe("b2\n");
  });

  test("a second new one before the first has called keeps the proven one", () => {
    using folder = new TestFolder();
    const path = folder.write("ctrl-exec-serial", "a1\n");
    storeControllerSerial(path, "b2");
    storeControllerSerial(path, "c3");
    const serials = new ControllerSerials(path);
    expect(serials.trusts("b2")).toBe(false);
    expect(serials.trusts("a1")).toBe(true);
    expect(serials.trusts("c3")).toBe(true);
  });

  test("going back to the proven one leaves nothing else", () => {
    using folder = new TestFolder();
    const path = folder.write("ctrl-exec-serial", "a1\n");
    storeControllerSerial(path, "b2");
    storeControllerSerial(path, "a1");
    const serials = new ControllerSerials(path);
    expect(serials.trusts("b2")).toBe(false);
    expect(serials.trusts("a1")).toBe(true);
  });

  test("T10 between the two writes, the present one calling does not drop its copy", () => {
    using folder = new TestFolder();
    const path = folder.write("ctrl-exec-serial", "a1\n");
    folder.write("ctrl-exec-serial.previous", "a1\n");
    const serials = new ControllerSerials(path);
    expect(serials.trusts("a1")).toBe(true);
    folder.write("ctrl-exec-serial", "b2\n");
    serials.look();
    expect(serials.trusts("a1")).toBe(true);
  });

  for (const content of ["", "not hex\n", "a1 b2\n", `${"f".repeat(41)}\n`]) {
    test(`${JSON.stringify(content)} trusts nobody`, () => {
      using folder = new TestFolder();
      const serials = new ControllerSerials(folder.write("ctrl-exec-serial", content));
      expect(serials.known).toBe(false);
      for (const serial of ["", "0", "a1", "b2"]) expect(serials.trusts(serial)).toBe(false);
    });
  }
});
