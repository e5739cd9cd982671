/** The examples of the shipped agent.conf and scripts.conf, all of them in force at once, on an agent that works. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { programPath } from "../../support/binary.ts";
import { readDocument } from "../../support/documents.ts";
import { ControlHost } from "../../support/fleet.ts";
import { install, standIn } from "../../support/installer.ts";

/** The settings that have no default: each stands behind "Example:", or in a section. */
function examples(text: string): string[] {
  const shown = [...text.matchAll(/^# .*Example:\n((?:#\S+ = .*\n)+)/gm)].map(([, lines]) => lines);
  const sections = [...text.matchAll(/^#\[\w+\]\n(?:#\w+ = .*\n?)+/gm)].map(([lines]) => lines);
  return [...shown, ...sections].flatMap((lines) => (lines ?? "").trim().split("\n"));
}

test("with every example set, self-check and self-ping pass, scripts run, and a rotation arrives", async () => {
  await using control = await ControlHost.create();
  const { folder } = control;
  const image = folder.join("image");
  folder.write("image/usr/lib/systemd/systemd", "");
  const from = standIn(folder);
  expect((await install(["--agent", "--from", from, "--root", image])).status).toBe(0);

  // The folders that the examples name are this test's own; all else is as documented.
  const here = (text: string) =>
    text
      .replaceAll("/usr/local/bin/update-ctrl-exec-serial", programPath("update-ctrl-exec-serial"))
      .replaceAll(
        /\/(?=opt\/ctrl-exec-scripts|usr\/local\/lib\/|etc\/ctrl-exec-agent\/)/g,
        `${image}/`,
      );
  const set = examples(readDocument("src/assets/agent.conf")).map((line) => here(line.slice(1)));
  const keys = set.flatMap((line) => /^(\w+) = /.exec(line)?.[1] ?? []);
  expect(keys).toEqual([
    ...["connect", "allowed_ips", "metrics_bind", "script_dirs", "auth_hook"],
    ...["release_key", "upgrade_restart", "env", "role"],
  ]);
  folder.script("image/etc/ctrl-exec-agent/auth-hook", "exit 0");

  const agent = await control.startAgent("web-01", { config: ["metrics_port = 0", ...set] });
  const allowlist = readFileSync(`${image}/etc/ctrl-exec-agent/scripts.conf`, "utf8");
  agent.writeAllowlist([here(allowlist.replace(/^#(?=ctrl-exec-demonstrator)/m, ""))]);
  agent.serving.child.kill("SIGHUP");
  await agent.serving.seen(/ACTION=reload SCRIPTS=2/);
  expect(agent.serving.err).not.toContain("config-warn");

  const checked = await agent.run("self-check");
  expect([checked.status, checked.out]).toEqual([0, expect.not.stringContaining("FAIL")]);
  expect(await agent.run("self-ping")).toMatchObject({ status: 0, err: "" });
  const ran = await control.run("run", ["web-01", "ctrl-exec-demonstrator", "--", "info"]);
  expect(ran.status).toBe(0);
  expect((await control.run("rotate-cert")).out).toContain("web-01: confirmed");
});
