/** T62: which files and folders of this host others may not be able to change. */
import { expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, statSync } from "node:fs";
import { refuseOpenFiles } from "../../../../src/controller/access/open-files.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

test("T62 each file and folder that others could change is named, and none that is missing", async () => {
  await using fleet = await LocalFleet.bare();
  const { config } = fleet.controller;
  expect(config.api_cert).toBeUndefined();
  expect(refuseOpenFiles(config)).toBeUndefined();
  const api_cert = fleet.folder.write("control/api.crt", "");
  const api_key = fleet.folder.write("control/api.key", "", 0o600);
  const { ca_dir, state_dir, cert, key, ca } = config;
  const all = new Set([ca_dir, state_dir, cert, key, ca, api_cert, api_key]);
  for (const path of Object.values(paths(config))) all.add(path);
  const withApi = { ...config, api_cert, api_key };
  for (const path of all) {
    if (!existsSync(path)) mkdirSync(path, { recursive: true });
    const mode = statSync(path).mode & 0o777;
    chmodSync(path, mode | 0o002);
    expect(() => refuseOpenFiles(withApi)).toThrow(`Cannot use ${path}: it can be written by `);
    chmodSync(path, mode);
    expect(refuseOpenFiles(withApi)).toBeUndefined();
  }
});
