/** The tags of a host: its own, and those that its agent claims. */
import { describe, expect, test } from "bun:test";
import { hostTags, usedTags } from "../../../../src/controller/fleet/host-tags.ts";
import type { AgentRecord } from "../../../../src/controller/store/agent-record.ts";
import type { KnownHost } from "../../../../src/controller/store/ports/learned.ts";

const AT = new Date(1000);
const record = (tags?: Readonly<Record<string, string>>) =>
  ({ hostname: "web-01", tags }) as AgentRecord;
const told = (value: Readonly<Record<string, string>> | "too long") =>
  ({ contact: AT, version: undefined, tags: { value, at: AT } }) satisfies KnownHost;
const SILENT: KnownHost = { contact: AT, version: undefined, tags: undefined };

test("an own tag hides the claimed one of its key", () => {
  const own = { env: "test" };
  expect(hostTags(record(own), told({ env: "production", role: "db" }))).toEqual({
    ...{ own, claimed: { role: "db" }, claimedAt: AT, tooLong: false },
  });
});

test("what was never claimed, or is too long, is nothing, and which of both is said", () => {
  const nothing = { own: {}, claimed: {} };
  for (const known of [undefined, SILENT]) {
    expect(hostTags(record(), known)).toEqual({
      ...nothing,
      claimedAt: undefined,
      tooLong: false,
    });
  }
  const long = hostTags(record(), told("too long"));
  expect(long).toEqual({ ...nothing, claimedAt: AT, tooLong: true });
});

describe("an expression means by them", () => {
  const used = (
    own: Readonly<Record<string, string>> | undefined,
    known: KnownHost | undefined,
    agent_tags: "use" | "ignore" = "use",
  ) => {
    const tags = usedTags({ agent_tags }, own && record(own), known);
    return {
      env: tags.tag("env"),
      all: Object.fromEntries(tags.tags()),
      known: tags.tagsKnown,
    };
  };
  const claims = told({ env: "production", role: "db" });

  test("the own one, or else the claimed one", () => {
    const all = { env: "test", role: "db" };
    expect(used({ env: "test" }, claims)).toEqual({ env: "test", all, known: true });
    const claimed = { env: "production", role: "db" };
    expect(used({}, claims)).toEqual({ env: "production", all: claimed, known: true });
  });

  test("T77 the own ones alone where claims do not count, and then all of them are known", () => {
    const all = { env: "test" };
    expect(used(all, claims, "ignore")).toEqual({ env: "test", all, known: true });
    expect(used({}, undefined, "ignore")).toEqual({ env: undefined, all: {}, known: true });
  });

  test("not all of them while its agent has told none, or too much", () => {
    const all = { env: "test" };
    for (const known of [undefined, SILENT, told("too long")]) {
      expect(used(all, known)).toEqual({ env: "test", all, known: false });
    }
  });

  test("none of a record that cannot be used", () => {
    expect(used(undefined, claims)).toEqual({ env: undefined, all: {}, known: false });
  });
});
