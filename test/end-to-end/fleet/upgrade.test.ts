/** `ctrl-exec upgrade`: from a release to agents that answer with its version. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { VERSION } from "../../../src/core/version.ts";
import { runProgram } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { NOTICE_KEY, NoticeReceiver, receiverOf } from "../../support/notice-receiver.ts";
import { makeRelease, makeReleaseKey } from "../../support/release.ts";
import { OTHER_VERSION, UpgradeStage } from "../../support/upgrade-stage.ts";

let control: ControlHost;
/** One that allows upgrades; web-02 is an agent that does not. */
let stage: UpgradeStage;
let release: string;
beforeAll(async () => {
  control = await ControlHost.create();
  stage = await UpgradeStage.create(control, "web-01");
  control.addLines([`release_key = ${stage.key.line}`]);
  release = stage.workingRelease();
  await Promise.all([stage.startAgent(), control.startAgent("web-02")]);
  await until("both answer", async () => {
    return (await control.run("ping", ["web-01", "web-02"])).status === 0;
  });
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

const nothingSent = () => expect(existsSync(stage.agent.path("upgrade"))).toBe(false);

test("a dry run checks the release and shows the batches, and asks no host", async () => {
  const args = ["web-01", "web-02", "--from", release, "--batch", "1", "--dry-run"];
  expect(await control.run("upgrade", args)).toMatchObject({
    status: 0,
    err: "",
    out: [
      `Release ${OTHER_VERSION}, signed by release_key, with 1 builds`,
      "Batch 1 of 2: web-01",
      "Batch 2 of 2: web-02",
      "",
    ].join("\n"),
  });
  nothingSent();
});

test("T36 a release of another key, or one that was altered, leaves the control host at once", async () => {
  const stranger = makeReleaseKey(control.folder, "stranger");
  const foreign = makeRelease(control.folder, "foreign", "1.9.0", { x: "x" }, stranger);
  for (const [from, problem] of [
    [foreign, "another key than release_key has signed it"],
    [makeRelease(control.folder, "unsigned", "1.9.0", { x: "x" }), "SHA256SUMS.sig: no such file"],
    [control.folder.join("nowhere"), "SHA256SUMS: no such file or folder"],
  ] as const) {
    const { status, out, err } = await control.run("upgrade", ["web-01", "--from", from]);
    expect({ status, out }).toEqual({ status: 1, out: "" });
    expect(err).toContain(problem);
  }
  nothingSent();
});

test("T67 the hook decides before the release is looked at", async () => {
  const asked = control.folder.join("asked");
  const hook = control.folder.script("hook", `cat >${asked}; exit 3`);
  const config = control.folder.write(
    "control/hooked.conf",
    `${readFileSync(control.config, "utf8")}auth_hook = ${hook}\nauth_hook_json = yes\n`,
  );
  const args = [
    "upgrade",
    "web-01",
    "--from",
    "/no/such",
    "--config",
    config,
    "--log",
    control.log.path,
  ];
  const { status, err } = await runProgram("ctrl-exec", args);
  expect(status).toBe(1);
  expect(err).toStartWith("Denied: insufficient privilege\n");
  expect(JSON.parse(readFileSync(asked, "utf8"))).toMatchObject({
    action: "upgrade",
    hosts: ["web-01"],
    args: ["/no/such"],
  });
});

test("a host that fails stops the upgrade before the next batch", async () => {
  const args = ["web-02", "web-01", "--from", release, "--batch", "1", "--json"];
  const { status, out, err } = await control.run("upgrade", args);
  expect(status).toBe(3);
  expect(JSON.parse(out)).toMatchObject({
    ok: 1,
    version: OTHER_VERSION,
    results: [
      {
        host: "web-02",
        state: "failed",
        from: "",
        error: expect.stringContaining("upgrades are off"),
      },
      { host: "web-01", state: "not-started", error: "1 of 2 hosts have failed" },
    ],
  });
  expect(err).toContain("Stopped: 1 of 2 hosts were not started.\n");
  nothingSent();
});

test("a host on which nothing would carry it out is named at once", async () => {
  renameSync(stage.agent.path("state"), stage.agent.path("no-state"));
  try {
    const { status, out } = await control.run("upgrade", ["web-01", "--from", release]);
    expect(status).toBe(1);
    expect(out).toStartWith(
      "web-01: not upgraded, nothing has changed: nothing on this host carries out upgrades: ",
    );
  } finally {
    renameSync(stage.agent.path("no-state"), stage.agent.path("state"));
  }
  nothingSent();
});

// The agent is restarted twice.
test("T36 a signed release comes from an address, and the host answers with its version; then it is left alone", async () => {
  await using _unit = stage.unit();
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) => new Response(Bun.file(join(release, new URL(url).pathname))),
  });
  const from = `http://127.0.0.1:${server.port}/`;
  const first = await control.run("upgrade", ["web-01", "--from", from]);
  const out = `web-01: upgraded from ${VERSION} to ${OTHER_VERSION}\n`;
  expect(first).toMatchObject({ status: 0, out, err: "" });
  expect((await control.run("ping", ["web-01", "--json"])).out).toContain(OTHER_VERSION);
  expect(control.log.of("upgrade")).toMatchObject([
    { tag: "ctrl-exec-agent", fields: { FROM: VERSION, RELEASE: OTHER_VERSION } },
    { tag: "ctrl-exec", fields: { FROM: VERSION, RELEASE: OTHER_VERSION } },
  ]);
  const again = await control.run("upgrade", ["web-01", "--from", release]);
  expect(again).toMatchObject({ status: 0, out: `web-01: has ${OTHER_VERSION} already\n` });
});

test("T36 a host that rolls back is told, and counts as failed; receivers of notices hear of it", async () => {
  stage.configure("upgrade_timeout = 1");
  using receiver = new NoticeReceiver();
  const key = control.folder.write("control/notify-key", `${NOTICE_KEY}\n`, 0o600);
  const lines = [`url = "${receiver.url}"`, `key_file = "${key}"`];
  control.folder.write("control/notify.d/pager.toml", receiverOf(["upgrade-failed"], ...lines));
  await using _unit = stage.unit();
  const silent = "case $1 in --version) echo ctrl-exec 2.0.0 ;; *) exec sleep 600 ;; esac";
  const from = stage.release("2.0.0", silent);
  const { status, out } = await control.run("upgrade", ["web-01", "--from", from]);
  expect(status).toBe(1);
  expect(out).toStartWith(`web-01: ${OTHER_VERSION} was put back: `);
  await control.mustRun("maintain");
  const [{ json } = { json: {} }] = await receiver.received(1);
  const hosts = [{ host: "web-01", state: "rolled-back" }];
  expect(json).toMatchObject({ kind: "upgrade-failed", release: "2.0.0", count: 1, hosts });
});

test("an older release comes only where both sides want it", async () => {
  const from = stage.release("1.0.5", "exit 1");
  const { status, out } = await control.run("upgrade", ["web-01", "--from", from]);
  expect(status).toBe(1);
  expect(out).toContain("--downgrade asks for it all the same");
  const asked = await control.run("upgrade", ["web-01", "--from", from, "--downgrade"]);
  expect(asked.out).toContain(`the release is 1.0.5, and this host has ${OTHER_VERSION}`);
});
