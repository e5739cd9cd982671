import { expect, test } from "bun:test";
import { chmodSync, readFileSync } from "node:fs";
import { checkBinary } from "../../../.ci/release/binary-format.ts";
import { billOfMaterials } from "../../../.ci/release/sbom.ts";
import { TARGETS, type Target } from "../../../.ci/release/targets.ts";
import { carriedRuntime, withoutVariables } from "../../../.ci/runtime.ts";

import { BINARY, runProgram } from "../../support/binary.ts";
import { ROOT, readDocument } from "../../support/documents.ts";
import { TestFolder } from "../../support/folder.ts";

const native = TARGETS.find(
  ({ name }) => name === `ctrl-exec-${process.platform}-${process.arch}`,
) as Target;

test("the build of this platform has the format, processor, loader and libraries it should", () => {
  const bytes = readFileSync(BINARY);
  checkBinary(BINARY, bytes, native);
  for (const other of TARGETS.filter(
    ({ cpu, format }) => cpu !== native.cpu || format !== native.format,
  )) {
    expect(() => checkBinary(BINARY, bytes, other)).toThrow(other.name);
  }
  expect(() => checkBinary(BINARY, bytes, { ...native, needed: [] })).toThrow("expected");
});

test("the same sources build the same bytes, whatever the folder", async () => {
  using folder = new TestFolder();
  const options = /^COMPILE := ((?:.*\\\n)*.*)$/m.exec(readDocument("Makefile"))?.[1] ?? "";
  const { out: version } = await runProgram("ctrl-exec", ["--version"]);
  const commit = /\(commit (.*)\)/.exec(version)?.[1];
  const out = folder.join("deeper/ctrl-exec");
  const runtime = folder.write("runtime", carriedRuntime(readFileSync(process.execPath)));
  chmodSync(runtime, 0o755);
  const flags = `${options} --compile-executable-path=${runtime}`
    .replaceAll("\\\n", " ")
    .split(/\s+/)
    .filter((flag) => flag !== "");
  if (commit !== undefined) flags.push("--define", `BUILD_COMMIT="${commit}"`);
  const child = Bun.spawn([process.execPath, "build", ...flags, "--outfile", out, "src/main.ts"], {
    ...{ cwd: ROOT, stdout: "ignore", stderr: "pipe" },
  });
  expect(await child.exited, await new Response(child.stderr).text()).toBe(0);

  const digest = (path: string) =>
    new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex");
  expect(digest(out)).toBe(digest(BINARY));
});

test("T62 a runtime that keeps the names of its variables in another way is not built upon", () => {
  const runtime = readFileSync(process.execPath);
  const blanked = withoutVariables(runtime);
  expect(blanked).toHaveLength(runtime.length);
  expect(() => withoutVariables(blanked)).toThrow("Cannot blank BUN_OPTIONS");
  const twice = Buffer.concat([runtime, Buffer.from("\0BUN_BE_BUN\0")]);
  expect(() => withoutVariables(twice)).toThrow("found 2 times");
});

test("--version names the version, and the commit where there is one", async () => {
  const { out, status } = await runProgram("ctrl-exec", ["--version"]);
  expect(out).toMatch(/^ctrl-exec \d+\.\d+\.\d+( \(commit [0-9a-f]{7,40}(-dirty)?\))?\n$/);
  expect(status).toBe(0);
});

test("the bill of materials names what is in the binary, with the hashes of the lock file", async () => {
  const bom = JSON.parse(JSON.stringify(await billOfMaterials(ROOT, "abcdef0")));
  expect(bom).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.6" });
  const { dependencies } = JSON.parse(readDocument("package.json"));
  const components: { name: string; version: string; hashes?: { content: string }[] }[] =
    bom.components;
  for (const [name, version] of Object.entries(dependencies)) {
    const component = components.find((entry) => entry.name === name);
    expect(component?.version).toBe(version as string);
  }
  for (const { name, hashes } of components) {
    if (name !== "bun") expect(hashes?.[0]?.content, name).toMatch(/^[0-9a-f]{128}$/);
  }
  expect(components.map(({ name }) => name)).not.toContain("typescript");
});
