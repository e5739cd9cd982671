/**
 * A host that is not heard any more while somebody watches a run: they are told, how to come back, and that it is heard
 * again. Each face waits for a second or more before it says so, and all of them do it at the same time.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { Running } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";

let control: ControlHost;
let agent: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create();
  const work = 'echo begun; touch "$1.here"; until [ -e "$1.go" ]; do sleep 0.05; done; echo done';
  agent = await control.startAgent("web-01", {
    scripts: { watched: work, "let-go": work, quiet: work },
  });
});

afterAll(async () => await control[Symbol.asyncDispose]());

const begin = (...args: readonly string[]) => new Running("ctrl-exec", control.withSetting(args));

test("run, logs --follow and wait say that they do not hear it, and when they do again", async () => {
  const live = begin("run", "web-01", "watched", "--live", "--", agent.path("watched"));
  const quiet = begin("run", "web-01", "quiet", "--", agent.path("quiet"));
  const detach = ["web-01", "let-go", "--detach", "--", agent.path("let-go")];
  const reqid = (await control.mustRun("run", detach)).out.trim();
  const logs = begin("logs", reqid, "web-01", "--follow");
  const waiting = begin("wait", reqid);
  const asked = () => control.log.of("auth").filter(({ fields }) => fields.AUTHACTION === "read");
  await until("all watch", () => {
    const isBegun = existsSync(agent.path("quiet.here"));
    return isBegun && [live, logs].every(({ out }) => out === "begun\n") && asked().length > 1;
  });
  const { fields } =
    control.log.of("dispatch").find((line) => line.fields.SCRIPT === "watched") ?? {};
  // In the middle of whatever each of them is about.
  await agent.stop("SIGKILL");
  const lost =
    /^ctrl-exec: Cannot hear web-01, trying again.*: .+\nWhat runs there goes on\. To leave, press Ctrl-C; to come back: (.*)\n/m;
  const option = `--config ${control.config}`;
  expect((await live.seen(lost))[1]).toBe(`ctrl-exec logs ${fields?.REQID} ${option} --follow`);
  expect((await logs.seen(lost))[1]).toBe(`ctrl-exec logs ${reqid} web-01 ${option} --follow`);
  expect((await waiting.seen(lost))[1]).toBe(`ctrl-exec wait ${reqid} ${option}`);
  await agent.serve();
  const watching = [live, logs, waiting];
  for (const each of watching) await each.seen(/^ctrl-exec: web-01 is heard again\n/m);
  for (const name of ["watched", "let-go", "quiet"]) control.folder.write(`web-01/${name}.go`, "");
  for (const each of [...watching, quiet]) expect(await each.ended()).toBe(0);
  for (const { err } of watching) expect(err.match(/Cannot hear/g)).toHaveLength(1);
  // What a pipe gets is as it was in 1.0.
  expect(quiet.err).toBe("");
  expect(live.out).toStartWith("begun\ndone\n==> web-01  [OK");
  expect(logs.out).toBe("begun\ndone\n");
});
