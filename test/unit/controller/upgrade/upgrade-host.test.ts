/** A host that is against it, played by the test. */
import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { targetOf } from "../../../../src/controller/fleet/targets.ts";
import { openRelease } from "../../../../src/controller/upgrade/release.ts";
import { upgradeHost } from "../../../../src/controller/upgrade/upgrade-host.ts";
import { parseReleaseKey } from "../../../../src/core/release/release-key.ts";
import { Authority } from "../../../support/authority.ts";
import { TestFolder } from "../../../support/folder.ts";
import { diallerOf, kept, PlayedAgent, type PlayedAnswer } from "../../../support/played-agent.ts";
import { makeRelease, makeReleaseKey } from "../../../support/release.ts";

const BUILD = "ctrl-exec-linux-x64";

test("T23 a host that takes a byte at a time does not hold it up", async () => {
  const ca = await Authority.create();
  const [credential, web] = await Promise.all([ca.issue("ctrl-exec"), ca.issue("web-01")]);
  using agent = await PlayedAgent.start(web);
  const dialler = await diallerOf(credential);
  using folder = new TestFolder();
  const line = makeReleaseKey(folder);
  // Three pieces.
  const path = makeRelease(folder, "release", "9.0.0", { [BUILD]: randomBytes(1_300_000) }, line);
  const key = parseReleaseKey(line.line) ?? new Uint8Array();
  const release = await openRelease(path, key, true);
  const status = { status: "ok", version: "1.1.0", build: BUILD, state: "idle" };
  const bytewise = Array.from({ length: 40 }, (_, at): PlayedAnswer => kept({ have: at + 1 }));
  agent.answers = [kept(status), kept({ have: 0 }), ...bytewise];
  const target = targetOf("127.0.0.1", undefined, agent.port);
  const result = await upgradeHost(dialler, target, {
    ...{ reqid: "0123456789abcdef", release, key, downgrade: false, username: "", token: "" },
    ...{ waitMs: 1000, signal: new AbortController().signal, onVersion: () => undefined },
  });
  expect(result).toMatchObject({
    state: "failed",
    error: expect.stringMatching(/^it has taken 16 of \d+ bytes after 16 pieces$/),
  });
  expect(agent.asked).toHaveLength(18);
});
