/** T63: what a rotation asks agents for cannot be asked for by a caller, through neither face. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { TestApi } from "../../support/api.ts";
import { ControlHost } from "../../support/fleet.ts";

const NAMES = ["update-ctrl-exec-serial", "Update-Ctrl-Exec-Serial"];
/** The API takes no such name at all. */
const TYPED_NAMES = [...NAMES, " update-ctrl-exec-serial", "update-ctrl-exec-serial\t"];

test("T63 run refuses it by name, in CLI and API, before the hook, the locks and the wire", async () => {
  await using control = await ControlHost.create(["api_port = 0"]);
  const asked = control.folder.join("asked");
  const hook = control.folder.script("hook.sh", `touch ${asked}`);
  const lines = [
    `state_dir = ${control.folder.join("control", "state")}`,
    "api_port = 0",
    "api_auth_default = allow",
    `auth_hook = ${hook}`,
    "",
  ];
  control.folder.write("control/ctrl-exec.conf", lines.join("\n"));
  await using api = await TestApi.start(control);
  for (const name of TYPED_NAMES) {
    const typed = await control.run("run", ["127.0.0.1", name, "--", "b2"]);
    expect(typed.status).toBe(2);
    expect(typed.out).toBe("");
    expect(typed.err).toBe(
      `ctrl-exec: Cannot run ${name.replace("\t", " ")}: only a rotation calls it\n` +
        "It decides whom an agent trusts. To replace this host's certificate: ctrl-exec rotate-cert " +
        `--config ${control.config}\n`,
    );
  }
  for (const name of NAMES) {
    const body = { hosts: ["127.0.0.1"], script: name, args: ["b2"] };
    for (const wait of [true, false]) {
      const answer = await api.post("/run", { ...body, wait });
      expect(answer.status).toBe(400);
      expect(answer.text).toContain(`Cannot run ${name}: only a rotation calls it`);
      // No shell here, no command.
      expect(answer.text).not.toContain("ctrl-exec rotate-cert");
    }
  }
  expect(existsSync(asked)).toBe(false);
  expect(existsSync(control.folder.join("control", "state", "runs"))).toBe(false);
});
