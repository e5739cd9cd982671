import { expect, test } from "bun:test";
import { chmodSync, rmSync } from "node:fs";
import { programFindings } from "../../../../../src/controller/upkeep/doctor/programs.ts";
import { faults } from "../../../../support/doctor.ts";
import { LocalFleet } from "../../../../support/local-fleet.ts";

test("hook and group_command are judged as they would be started, where they are set", async () => {
  await using fleet = await LocalFleet.bare();
  const { controller, folder } = fleet;
  const { config } = controller;
  expect(await programFindings(controller)).toEqual([]);
  const auth_hook = folder.script("hook", "exit 0");
  const group_command = folder.script("groups", "#!/no/such/shell\n");
  const found = async () => {
    return await programFindings({
      ...controller,
      config: { ...config, auth_hook, group_command },
    });
  };
  expect(await found()).toEqual([
    { name: "auth_hook", ok: true, detail: auth_hook },
    {
      name: "group_command",
      ok: false,
      detail: `${group_command}: its interpreter is missing: /no/such/shell`,
      remedy: "install /no/such/shell, or correct the script's #! line",
      misconfigured: true,
    },
  ]);
  chmodSync(auth_hook, 0o777);
  chmodSync(group_command, 0o644);
  expect(faults(await found())).toEqual([
    `auth_hook: ${auth_hook} can be written by its group and others (mode 0777)`,
    `group_command: ${group_command} is not executable`,
  ]);
});

test("a file of groups that cannot be read is named", async () => {
  await using fleet = await LocalFleet.bare();
  const file = fleet.folder.write("control/groups.d/web.toml", "[");
  expect(faults(await programFindings(fleet.controller))).toEqual([
    expect.stringContaining(`groups.d: Cannot read ${file}: `),
  ]);
});

test("a token of the metrics that everybody may read, or that is missing, is named", async () => {
  await using fleet = await LocalFleet.bare();
  const { controller, folder } = fleet;
  const metrics_token_file = folder.write("token", "x", 0o640);
  const found = async () => {
    const config = { ...controller.config, metrics_token_file };
    return faults(await programFindings({ ...controller, config }));
  };
  expect(await found()).toEqual([]);
  chmodSync(metrics_token_file, 0o644);
  expect(await found()).toEqual([
    `metrics_token_file: Cannot use ${metrics_token_file}: every user of this host may open it (mode 0644)`,
  ]);
  rmSync(metrics_token_file);
  expect(await found()).toEqual([
    `metrics_token_file: Cannot read ${metrics_token_file}: no such file or folder`,
  ]);
});

test("a receiver of notices that cannot be told anything is named", async () => {
  await using fleet = await LocalFleet.bare();
  const text = 'events = ["run-failed"]\nprogram = ["/no/such/program"]\n';
  fleet.folder.write("control/notify.d/pager.toml", text);
  expect(faults(await programFindings(fleet.controller))).toEqual([
    expect.stringContaining("pager.toml: /no: no such file or folder"),
  ]);
});

test.each(["groups.d", "join.d", "notify.d"])(
  "a file of %s whose name does not end in .toml is named, with what to do",
  async (folder) => {
    await using fleet = await LocalFleet.bare();
    const put = (name: string, text: string) =>
      fleet.folder.write(`control/${folder}/${name}`, text);
    // Nothing is wrong with these.
    if (folder === "join.d") put("all.toml", 'names = ["*"]');
    for (const name of ["README", "web.toml.bak", "web.toml~", ".web.conf.swp"]) put(name, "");
    expect(faults(await programFindings(fleet.controller))).toEqual([]);
    const file = put("pager.conf", "");
    expect((await programFindings(fleet.controller)).filter(({ ok }) => !ok)).toEqual([
      {
        name: folder,
        ok: false,
        detail: `${file} counts for nothing: its name does not end in .toml`,
        remedy: "Name it pager.toml, or remove it.",
        misconfigured: true,
      },
    ]);
  },
);

test("a rule of join.d that cannot be used is named: no host can join then", async () => {
  await using fleet = await LocalFleet.bare();
  const file = fleet.folder.write("control/join.d/web.toml", "names = []");
  const [found] = (await programFindings(fleet.controller)).filter(({ ok }) => !ok);
  expect(found?.detail).toBe(
    `Cannot use ${file}: names: expected a list of patterns for names, such as web-*`,
  );
  expect(found?.remedy).toContain('docs/CONFIGURATION.md, "join.d"');
});
