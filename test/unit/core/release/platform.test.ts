import { expect, test } from "bun:test";
import { TARGETS } from "../../../../.ci/release/targets.ts";
import { buildName, isBuildName } from "../../../../src/core/release/platform.ts";

test("the names are those of the builds of a release", () => {
  const names = [true, false].flatMap((musl) =>
    [true, false].flatMap((avx2) =>
      ["x64", "arm64"].map((cpu) => buildName({ os: "linux", cpu, musl, avx2 })),
    ),
  );
  const builds = TARGETS.map(({ name }) => name);
  expect(new Set(names)).toEqual(new Set(builds.filter((name) => name.includes("linux"))));
  expect(builds.every(isBuildName)).toBe(true);
  expect(["ctrl-exec-../x", "ctrl-exec-", "VERSION"].some(isBuildName)).toBe(false);
});

test("a processor without AVX2 needs the baseline build, where there is one", () => {
  const host = { os: "linux", cpu: "x64", musl: false, avx2: false };
  expect(buildName(host)).toBe("ctrl-exec-linux-x64-baseline");
  expect(buildName({ ...host, avx2: true })).toBe("ctrl-exec-linux-x64");
  expect(buildName({ ...host, musl: true })).toBe("ctrl-exec-linux-x64-musl");
  expect(buildName({ ...host, cpu: "arm64" })).toBe("ctrl-exec-linux-arm64");
});
