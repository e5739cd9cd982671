import { expect, test } from "bun:test";
import { otherPortHint, unregisteredHint } from "../../../../src/controller/fleet/target-hints.ts";
import { targetOf } from "../../../../src/controller/fleet/targets.ts";
import type { AgentRecord } from "../../../../src/controller/store/agent-record.ts";

const FILE = "/srv/f.conf";

const record = { hostname: "web-01", port: 7450 } as AgentRecord;
const registered = { kind: "agent", record } as const;

test("another host's certificate on a port that was typed: the registered port is named", () => {
  expect(otherPortHint(targetOf("web-01", registered, 7451))).toEqual({
    hint: "web-01 is registered with port 7450, and was called on 7451.",
  });
  expect(otherPortHint(targetOf("web-01", registered))).toEqual({});
  expect(otherPortHint(targetOf("web-01", undefined, 7451))).toEqual({});
});

test("a name that nobody resolves and nobody registered is said to be unregistered", () => {
  const misspelt = targetOf("wbe-01", undefined);
  const words = "No host is registered as wbe-01. See: ctrl-exec list-agents --config /srv/f.conf";
  for (const code of ["ENOTFOUND", "EAI_AGAIN"])
    expect(unregisteredHint(code, misspelt, FILE)).toBe(words);
  const near = { ...misspelt, near: () => "web-01" };
  expect(unregisteredHint("ENOTFOUND", near, FILE)).toBe(
    "No host is registered as wbe-01. Did you mean web-01?",
  );
  expect(unregisteredHint("ECONNREFUSED", misspelt, FILE)).toBeUndefined();
  expect(unregisteredHint("ENOTFOUND", targetOf("web-01", registered), FILE)).toBeUndefined();
});
