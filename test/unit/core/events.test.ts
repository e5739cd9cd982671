import { expect, test } from "bun:test";
import { AGENT_EVENTS } from "../../../src/core/events/agent.ts";
import { API_EVENTS } from "../../../src/core/events/api.ts";
import { COMMON_EVENTS } from "../../../src/core/events/common.ts";
import { CONTROLLER_EVENTS } from "../../../src/core/events/controller.ts";
import type { Entries } from "../../../src/core/events/entry.ts";
import { FIELDS } from "../../../src/core/events/fields.ts";
import { HUB_EVENTS } from "../../../src/core/events/hub.ts";
import { type AgentLog, type ControlLog, layoutOf, lineLayouts } from "../../../src/core/events.ts";
import { EventLog } from "../../support/event-log.ts";

const PARTS: readonly Entries[] = [
  COMMON_EVENTS,
  CONTROLLER_EVENTS,
  API_EVENTS,
  HUB_EVENTS,
  AGENT_EVENTS,
];
const ENTRIES = PARTS.flatMap((part) => Object.entries(part));

test("docs/PROTOCOL.md, section 7: the fields of every event are in alphabetical order, each once", () => {
  for (const [event, entry] of ENTRIES) {
    const names = layoutOf(event, entry).columns.map(({ name }) => name);
    expect(names, event).toEqual([...new Set(names)].sort());
  }
});

test("a field of several words has them joined in the line", () => {
  const { columns } = lineLayouts("ctrl-exec")("cert-rotated");
  expect(columns.map(({ name }) => name)).toEqual([
    "AGENTS",
    "BY",
    "NEW_SERIAL",
    "OLD_SERIAL",
    "OVERLAP_EXPIRES",
    "VIA",
  ]);
});

test("an event has the action of its line, and its level", () => {
  const agent = lineLayouts("ctrl-exec-agent");
  expect(agent("run")).toMatchObject({ action: "run", level: "info" });
  expect(agent("run-problem")).toMatchObject({ action: "run", level: "warning" });
  expect(agent("run")).toBe(agent("run"));
  expect(lineLayouts("ctrl-exec")("run-fail")).toMatchObject({ action: "run", level: "err" });
});

test("no event of one part hides that of another", () => {
  const ofControlHost = [COMMON_EVENTS, CONTROLLER_EVENTS, API_EVENTS, HUB_EVENTS].flatMap(
    Object.keys,
  );
  const ofAgent = [COMMON_EVENTS, AGENT_EVENTS].flatMap(Object.keys);
  for (const names of [ofControlHost, ofAgent]) expect(names).toHaveLength(new Set(names).size);
});

test("events of one action differ in level", () => {
  for (const part of PARTS) {
    const kinds = Object.entries(part).map(([event, { action = event, level }]) => {
      return `${action} ${level}`;
    });
    expect(kinds).toEqual([...new Set(kinds)]);
  }
});

test("every field is one of an event's", () => {
  const used = new Set(ENTRIES.flatMap(([, { fields, maybe = [] }]) => [...fields, ...maybe]));
  expect([...used, "by", "via"].sort()).toEqual(Object.keys(FIELDS).sort());
});

test("the type checker refuses what the catalogue does not have", () => {
  const { log }: { log: AgentLog } = new EventLog("ctrl-exec-agent");
  const control: { log: ControlLog } = new EventLog("ctrl-exec");
  log({ event: "start", port: 1 });
  const refused = () => {
    // @ts-expect-error an event of the control host
    log({ event: "dispatch", hosts: [], reqid: "", script: "" });
    // @ts-expect-error no event
    control.log({ event: "dispatched" });
    // @ts-expect-error a field that is missing
    log({ event: "hub-up" });
    // @ts-expect-error a field too many
    log({ event: "start", port: 1, peer: "" });
    // @ts-expect-error of another type
    log({ event: "start", port: "1" });
    // @ts-expect-error as the line has it
    log({ event: "start", PORT: 1 });
  };
  expect(refused).toBeFunction();
});
