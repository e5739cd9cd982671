/** T27: a script that prints the caller's token shows it to the caller, and to nobody who asks later. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { programPath } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";

const TOKEN = 's3cret-"7f3a\\9c';
const SECRET = "7f3a";
const env = { ENVEXEC_TOKEN: TOKEN };

const SCRIPTS = {
  // As JSON on stdout, as it is on stderr, cut in two in between.
  leak: `cat; printf '%s' 's3cret-"7' >&2; sleep 0.1; printf '%s' 'f3a\\9c and more' >&2`,
  // After the mark, once more.
  wait: 'cat > "$1.in"; cat "$1.in"; until [ -e "$1" ]; do sleep 0.02; done; cat "$1.in"; rm "$1.in"',
};

let control: ControlHost;
let agent: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create();
  agent = await control.startAgent("web-01", { scripts: SCRIPTS });
});
afterAll(async () => await control[Symbol.asyncDispose]());

const records = () => control.folder.join("control", "state", "runs");

/** What the control host keeps. */
function kept(): string {
  const files = readdirSync(records(), { recursive: true, withFileTypes: true });
  return files
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => readFileSync(`${parentPath}/${name}`, "latin1"))
    .join("\n");
}

test.each(["--no-live", "--live", "--json"])("run %s: its caller sees it", async (option) => {
  const { out, err } = await control.run("run", ["web-01", "leak", option], { env });
  expect(out + err).toContain(SECRET);
  expect(kept()).not.toContain(SECRET);
  expect(kept()).toContain("[token]");
});

test("run --detach: whoever comes back does not, also of an agent that has started again", async () => {
  const { out } = await control.mustRun("run", ["web-01", "leak", "--detach"], { env });
  const reqid = out.trim();
  const first = await control.run("logs", [reqid, "--follow"]);
  await agent.stop();
  await agent.serve();
  const again = await control.run("logs", [reqid]);
  const waited = await control.mustRun("wait", [reqid, "--json"]);
  const status = await control.mustRun("status", [reqid, "--json"]);
  for (const shown of [first, again, waited, status]) {
    expect(shown.out + shown.err).toContain("[token]");
    expect(shown.out + shown.err).not.toContain(SECRET);
  }
  expect(first.err).toEndWith(" and more");
  expect(kept()).not.toContain(SECRET);
});

test("a run that was killed: nothing of it is known later", async () => {
  const mark = control.folder.join("go");
  const args = control.withSetting(["run", "web-01", "wait", "--live", "--", mark]);
  const child = Bun.spawn([programPath("ctrl-exec"), ...args], {
    env: { PATH: "/usr/bin:/bin", USER: "tester", ...env },
    stdout: "pipe",
  });
  let shown = "";
  for await (const chunk of child.stdout) {
    shown += new TextDecoder().decode(chunk);
    if (shown.includes(SECRET)) break;
  }
  const [, reqid = ""] = /"reqid":"(\w{16})"/.exec(shown) ?? [];
  child.kill("SIGKILL");
  await child.exited;
  const following = control.run("logs", [reqid, "--follow"]);
  control.folder.write("go", "");
  const { out } = await following;
  expect(out.match(/\[token\]/g)).toHaveLength(2);
  expect(out).not.toContain(SECRET);
  await until("its script has ended", () => !existsSync(`${mark}.in`));
  const waited = await control.mustRun("wait", [reqid]);
  expect(waited.out).not.toContain(SECRET);
  expect(kept()).not.toContain(SECRET);
});
