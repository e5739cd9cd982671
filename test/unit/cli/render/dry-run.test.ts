import { expect, test } from "bun:test";
import { renderDryRun } from "../../../../src/cli/render/dry-run.ts";
import type { DryRun } from "../../../../src/core/dry-run.ts";
import { KeptIo } from "../../../support/kept-io.ts";

const OWN = { file: "/etc/ctrl-exec/ctrl-exec.conf", pairing_port: 7444 };

function shown(would: Partial<DryRun>): KeptIo {
  const kept = new KeptIo();
  const hosts = [
    { host: "web-01", registered: true, address: "10.0.0.1", port: 7443 },
    { host: "web-02", registered: true, address: "fe80::1%eth0", port: 7450 },
    ...["x1", "x2"].map((host) => ({
      ...{ host, registered: false, address: host, port: 7443 },
      error: "Cannot call it",
    })),
  ];
  const all: DryRun = { dry_run: true, script: "deploy-app", args: [], hosts, ...would };
  renderDryRun(kept.io, all, OWN);
  return kept;
}

test("a row for each host, and below it what would be asked", () => {
  const { out, err } = shown({ args: ["--database", "my app"] });
  expect(out).toBe(
    [
      "HOST    REGISTERED  ADDRESS",
      "------  ----------  -------------------",
      "web-01  yes         10.0.0.1:7443",
      "web-02  yes         [fe80::1%eth0]:7450",
      "x1      no          x1:7443",
      "x2      no          x2:7443",
      "",
    ].join("\n"),
  );
  expect(err).toBe(
    "x1, x2 would not be called: Cannot call it\nDry run: 2 hosts would be asked for deploy-app -- --database 'my app'. No host was asked.\n",
  );
});

test("the batches of a rollout are in order, and counted", () => {
  const at = { registered: true, address: "10.0.0.1", port: 7443 };
  const { out, err } = shown({
    hosts: [
      { host: "web-01", ...at, batch: 2 },
      { host: "web-02", ...at, batch: 1 },
    ],
  });
  expect(out).toMatch(/^BATCH +HOST .*\n.*\n1 +web-02 .*\n2 +web-01 .*\n$/);
  expect(err).toContain("2 hosts would be asked in 2 batches for deploy-app.");
});

test("what parts the hosts into batches is said of each", () => {
  const at = { registered: true, address: "10.0.0.1", port: 7443 };
  const { out } = shown({
    hosts: [
      { host: "web-01", ...at, batch: 1, per_tag: { rack: "a", zone: null } },
      { host: "web-02", ...at, batch: 2, per_tag: { rack: "b c", zone: "1" } },
    ],
  });
  expect(out).toMatch(
    /^BATCH +PER-TAG +HOST .*\n.*\n1 +rack=a, no zone +web-01 .*\n2 +rack="b c", zone=1 +web-02 .*\n$/,
  );
});

test("scripts that hosts do not list are named before the last line", () => {
  const reported = "2026-11-29T08:00:00Z";
  const hosts = ["web-01", "web-02"];
  const { err } = shown({
    unlisted: [
      { script: "heath", hosts, reported, near: "health" },
      { script: "deploy-app", hosts: ["web-02"], reported },
    ],
  });
  expect(err).toContain(
    `heath is not in scripts.conf on web-01, web-02, as they reported at ${reported} or later\nDid you mean health? To ask the hosts again: ctrl-exec discovery\ndeploy-app is not in scripts.conf on web-02, as they reported at ${reported} or later\nTo ask the hosts again: ctrl-exec discovery\nDry run: `,
  );
});

test("T77 what a host claims is in a column of its own, if there is any", () => {
  const tags = { role: "db", env: "\u009b2J", "a b": "c d", site: null };
  const at = { registered: true, address: "10.0.0.1", port: 7443 };
  const { out } = shown({
    hosts: [
      { host: "web-01", ...at, claimed_tags: tags },
      { host: "web-02", ...at },
      { host: "web-03", ...at, claimed_version: "1.0.2" },
    ],
  });
  const [head, , ...rows] = out.trimEnd().split("\n");
  expect(head).toEndWith("  CLAIMED");
  expect(rows[0]).toEndWith('  role=db, env="\\u009b2J", "a b"="c d", no site');
  expect(rows[1]).toEndWith("10.0.0.1:7443");
  expect(rows[2]).toEndWith("  version 1.0.2");
});

test("T74 nothing that was typed draws on the screen", () => {
  const { err } = shown({ script: "a\u001b[2J\n", args: ["\r"] });
  expect(err).not.toContain("\u001b");
  expect(err.trimEnd().split("\n")).toHaveLength(2);
});
