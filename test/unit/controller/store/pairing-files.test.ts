/** The files of the pairing queue that a killed process, or a person, has left. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { copyFileSync, readdirSync } from "node:fs";
import {
  addRequest,
  FilePairing,
  leaveAnswer,
} from "../../../../src/controller/store/pairing-files.ts";
import type { PendingRequest } from "../../../../src/controller/store/ports/pairing.ts";
import { rememberPushedOut } from "../../../../src/controller/store/pushed-out.ts";
import {
  type ControllerConfig,
  parseControllerConfig,
} from "../../../../src/core/config/controller-config.ts";
import { TestFolder } from "../../../support/folder.ts";

const [FIRST, SECOND] = ["0123456789abcdef", "fedcba9876543210"] as const;
const DENIED = { status: "denied", reason: "not ours" } as const;

const REQUEST: PendingRequest = {
  id: FIRST,
  hostname: "web-01",
  ip: "192.0.2.7",
  csr: "PEM",
  nonce: "0a0b",
  received: "2026-01-01T00:00:00Z",
  code: "123456",
  code_covers: "both",
};

let folder: TestFolder;
let config: ControllerConfig;
let pairing: FilePairing;
beforeEach(async () => {
  folder = new TestFolder();
  const text = `state_dir = ${folder.path}\n`;
  ({ config } = await parseControllerConfig(folder.join("ctrl-exec.conf"), text));
  pairing = new FilePairing(config);
});
afterEach(() => folder[Symbol.dispose]());

const left = () => readdirSync(folder.join("pairing")).toSorted();

test("T10 a request whose decider was killed before it removed it goes with its answer", async () => {
  addRequest(config, REQUEST);
  leaveAnswer(config, FIRST, "denied", DENIED);
  expect(left()).toEqual([`${FIRST}.denied`]);
  addRequest(config, REQUEST);
  expect(JSON.parse((await pairing.takeAnswer(FIRST)) ?? "")).toEqual(DENIED);
  expect(left()).toEqual([]);
});

test("a copy under another name is not a request, and is dropped", async () => {
  addRequest(config, REQUEST);
  const file = folder.join("pairing", `${FIRST}.json`);
  copyFileSync(file, folder.join("pairing", `${SECOND}.json`));
  expect((await pairing.requests()).map(({ id }) => id)).toEqual([FIRST]);
  expect(await pairing.request(SECOND)).toBeUndefined();
  expect(await pairing.drop(() => false)).toBe(1);
  expect(left()).toEqual([`${FIRST}.json`]);
});

test("a request is never written over another", () => {
  addRequest(config, REQUEST);
  expect(() => addRequest(config, REQUEST)).toThrow(expect.objectContaining({ code: "exists" }));
});

test("to begin again removes requests, answers and what was pushed out, and no other file", async () => {
  addRequest(config, REQUEST);
  leaveAnswer(config, SECOND, "denied", DENIED);
  rememberPushedOut(config, SECOND);
  folder.write("pairing/notes.json", "{}");
  await pairing.clear();
  expect(left()).toEqual(["notes.json"]);
});
