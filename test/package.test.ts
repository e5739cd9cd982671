import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import manifest from "../package.json";

const lockFile = readFileSync(join(import.meta.dir, "../bun.lock"), "utf8");

test("the types are those of the Bun that builds and runs the tests", () => {
  expect(`bun@${manifest.devDependencies["bun-types"]}`).toBe(manifest.packageManager);
  expect(`bun@${Bun.version}`).toBe(manifest.packageManager);
});

test("every dependency is pinned to one version, and that one is locked", () => {
  for (const [name, version] of Object.entries({
    ...manifest.dependencies,
    ...manifest.devDependencies,
  })) {
    expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    expect(lockFile, name).toContain(`"${name}@${version}"`);
  }
});
