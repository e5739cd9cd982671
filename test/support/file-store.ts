/** The store in files, for store-suite.ts: its address is its configuration file. */
import { readFileSync } from "node:fs";
import { openFileStore } from "../../src/controller/store/file-store.ts";
import { parseControllerConfig } from "../../src/core/config/controller-config.ts";
import { TestFolder } from "./folder.ts";
import type { MakeStore, OpenStore } from "./store-under-test.ts";

export const openStore: OpenStore = async (address, surroundings) => {
  const { config } = await parseControllerConfig(address, readFileSync(address, "utf8"));
  return openFileStore({ config, ...surroundings });
};

export const makeFileStore: MakeStore = async (lines, surroundings) => {
  const folder = new TestFolder();
  const file = folder.write("ctrl-exec.conf", `state_dir = ${folder.join("state")}\n${lines}\n`);
  const cut = async (path: string) => void folder.write(`state/${path}.json`, "{ cut");
  return {
    store: await openStore(file, surroundings),
    opener: [import.meta.path, file],
    breakAgent: (hostname) => cut(`agents/${hostname}`),
    breakRun: (reqid) => cut(`runs/${reqid}`),
    breakRequest: (id) => cut(`pairing/${id}`),
    breakRotation: () => cut("rotation"),
    [Symbol.asyncDispose]: async () => folder[Symbol.dispose](),
  };
};
