import { afterEach, describe, expect, setSystemTime, test } from "bun:test";
import {
  chmodSync,
  linkSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { FileVersions, fileVersion } from "../../../../src/system/files/file-version.ts";
import { TestFolder } from "../../../support/folder.ts";

afterEach(() => setSystemTime());

test("a file is a new one at every look only while its timestamps may repeat", () => {
  using folder = new TestFolder();
  const file = folder.write("a", "x");
  setSystemTime(new Date(statSync(file).ctimeMs));
  expect(fileVersion(file)).not.toBe(fileVersion(file));
  setSystemTime(new Date(Date.now() + 1000));
  expect(fileVersion(file)).toBe(fileVersion(file));
});

test("T68 a file that was written while the clock was ahead is not a new one at every look", () => {
  using folder = new TestFolder();
  const file = folder.write("a", "x");
  setSystemTime(new Date(Date.now() - 3_600_000));
  expect(fileVersion(file)).toBe(fileVersion(file));
});

describe("of many files", () => {
  const LONG_AGO = 1_700_000_000;
  const later = () => setSystemTime(new Date(Date.now() + 1000));

  test("each change is another version", () => {
    using folder = new TestFolder();
    const versions = new FileVersions();
    const file = folder.write("a", "x");
    utimesSync(file, LONG_AGO, LONG_AGO);
    later();
    const seen = [versions.of(file)];
    expect(seen[0]).not.toBe(0);
    expect(versions.of(file)).toBe(seen[0] ?? 0);
    expect(new FileVersions().of(file)).toBe(seen[0] ?? 0);
    const changes = [
      () => writeFileSync(file, "y"),
      () => utimesSync(file, LONG_AGO, LONG_AGO),
      () => writeFileSync(file, "xy"),
      () => chmodSync(file, 0o600),
      () => {
        writeFileSync(`${file}.new`, "xy");
        renameSync(`${file}.new`, file);
      },
    ];
    for (const change of changes) {
      change();
      later();
      seen.push(versions.of(file));
    }
    expect(new Set(seen).size).toBe(changes.length + 1);
  });

  test("those that are missing, or young, are like no other", () => {
    using folder = new TestFolder();
    const versions = new FileVersions();
    expect(versions.of(folder.join("none"))).toBe(0);
    expect(versions.of(folder.join("a".repeat(300)))).toBe(0);
    const file = folder.write("a", "x");
    setSystemTime(new Date(statSync(file).ctimeMs));
    expect(versions.of(file)).toBe(0);
    later();
    expect(versions.of(file)).not.toBe(0);
  });

  test("a link is what it leads to, and the narrowest mode is known", () => {
    using folder = new TestFolder();
    const versions = new FileVersions();
    const file = folder.write("a", "x", 0o640);
    symlinkSync(file, folder.join("link"));
    linkSync(file, folder.join("same"));
    later();
    expect(versions.of(folder.join("link"))).toBe(versions.of(file));
    expect(versions.narrowestMode & 0o777).toBe(0o640);
    versions.of(folder.write("b", "x", 0o604));
    expect(versions.narrowestMode & 0o777).toBe(0o600);
  });
});
