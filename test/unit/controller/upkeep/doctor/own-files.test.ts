/** Who may read and write what this host trusts (T62): what is named, and what is closed. */
import { expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { paths } from "../../../../../src/controller/store/paths.ts";
import { fileFindings } from "../../../../../src/controller/upkeep/doctor/own-files.ts";
import { faults, register } from "../../../../support/doctor.ts";
import { LocalFleet } from "../../../../support/local-fleet.ts";

const asRoot = process.getuid?.() === 0;
const modeOf = (path: string) => statSync(path).mode & 0o7777;

test("T62 a host whose files are closed has one line for them", async () => {
  await using fleet = await LocalFleet.create();
  register(fleet, "web-01");
  const detail = "closed to other users, and so are the folders above them";
  expect(await fileFindings(fleet.controller.config)).toEqual([
    { name: "files", ok: true, detail },
  ]);
});

test("T62 what others could read or write of this program's own is named, and can be closed", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  const { caKey, agents, rotation, rollouts, inForce } = paths(config);
  fleet.folder.write("control/state/rotation.json", "{}");
  for (const folder of [agents, rollouts]) mkdirSync(folder, { recursive: true });
  const loose = [
    [config.key, 0o644, 0o640, "may be opened by other users of this host (mode 0644)"],
    [caKey, 0o660, 0o640, "can be written by its group (mode 0660)"],
    [inForce, 0o604, 0o600, "may be opened by other users of this host (mode 0604)"],
    [rollouts, 0o750, 0o700, "may be opened by other users of this host (mode 0750)"],
    [rotation, 0o666, 0o644, "can be written by its group and others (mode 0666)"],
    [config.state_dir, 0o775, 0o755, "can be written by its group (mode 0775)"],
    [agents, 0o757, 0o755, "can be written by others (mode 0757)"],
    [config.cert, 0o664, 0o644, "can be written by its group (mode 0664)"],
  ] as const;
  const key = readFileSync(config.key, "utf8");
  for (const [path, mode] of loose) chmodSync(path, mode);
  const found = await fileFindings(config);
  expect(faults(found).sort()).toEqual(
    loose.map(([path, , , why]) => `${path}: ${path} ${why}`).sort(),
  );
  for (const { remedy, misconfigured } of found) {
    expect([remedy, misconfigured]).toEqual([
      `ctrl-exec doctor --fix --config ${config.file}`,
      true,
    ]);
  }
  // A folder comes before what is in it.
  const order = found.map(({ name }) => name);
  expect(order.indexOf(config.state_dir)).toBeLessThan(order.indexOf(agents));
  for (const { name, mend } of found) {
    const [, mode = 0, closed = 0] = loose.find(([path]) => path === name) ?? [];
    const text = `mode 0${mode.toString(8)} is now 0${closed.toString(8)}`;
    expect(await mend?.()).toContain(text);
    expect(await mend?.()).toBeUndefined();
    expect(modeOf(name)).toBe(closed);
  }
  expect(faults(await fileFindings(config))).toEqual([]);
  expect(readFileSync(config.key, "utf8")).toBe(key);
});

test("T62 the administrator's files and folders are named, and left alone", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  const api_cert = fleet.folder.write("api/api.crt", "x", 0o666);
  chmodSync(config.ca_dir, 0o775);
  const found = await fileFindings({ ...config, api_cert });
  expect(faults(found)).toEqual([
    expect.stringContaining(`: ${config.ca_dir} can be written by its group (mode 0775)`),
    `${api_cert}: ${api_cert} can be written by its group and others (mode 0666)`,
  ]);
  expect(found.map(({ remedy, mend }) => [remedy, mend])).toEqual([
    [`chmod go-w ${config.ca_dir}`, undefined],
    [`chmod go-w ${api_cert}`, undefined],
  ]);
});

test("T62 nothing is closed in a folder that others can change, nor what may be somebody else's", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  const outside = fleet.folder.write("outside", "theirs", 0o666);
  chmodSync(config.key, 0o644);
  const { agents } = paths(config);
  register(fleet, "web-01");
  chmodSync(`${agents}/web-01.json`, 0o666);
  const [key, records] = await fileFindings(config);
  expect(faults([key, records].flatMap((one) => one ?? []))).toEqual([
    `${config.key}: ${config.key} may be opened by other users of this host (mode 0644)`,
    `${agents}: other users may write web-01.json`,
  ]);
  chmodSync(config.ca_dir, 0o777);
  await expect(key?.mend?.()).rejects.toThrow(
    `Cannot close ${config.key}: ${config.ca_dir} can be`,
  );
  await expect(records?.mend?.()).rejects.toThrow(
    `Cannot close ${agents}: ${config.ca_dir} can be`,
  );
  chmodSync(config.ca_dir, 0o755);
  rmSync(config.key);
  symlinkSync(outside, config.key);
  await expect(key?.mend?.()).rejects.toThrow(
    `Cannot close ${config.key}: too many symbolic links`,
  );
  rmSync(config.key);
  linkSync(outside, config.key);
  await expect(key?.mend?.()).rejects.toThrow("it is not this user's alone");
  expect([modeOf(outside), modeOf(`${agents}/web-01.json`)]).toEqual([0o666, 0o666]);
  expect(await records?.mend?.()).toBe("closed to other users: web-01.json");
  expect(modeOf(`${agents}/web-01.json`)).toBe(0o644);
});

if (asRoot) {
  test("T62 a record that another user has made is named, and left alone", async () => {
    await using fleet = await LocalFleet.create();
    const { agents } = paths(fleet.controller.config);
    for (const name of ["a", "b", "c", "d", "e"]) chownSync(register(fleet, name), 65_534, 0);
    const [found] = await fileFindings(fleet.controller.config);
    expect(found).toEqual({
      name: agents,
      ok: false,
      detail: "another user has made a.json, b.json, c.json and 2 more",
      remedy: `see whose they are, and remove what you do not know: ls -l ${agents}`,
      misconfigured: true,
    });
  });
}
