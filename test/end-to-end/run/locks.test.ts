import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { Running } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";

/** A script that says it has begun and waits to be let go. */
function slow(control: ControlHost): string {
  const begun = control.folder.join("begun");
  const go = control.folder.join("go");
  return `echo run >> ${begun}; while ! test -e ${go}; do sleep 0.02; done`;
}

async function startSlowRun(control: ControlHost): Promise<Running> {
  const args = control.withSetting(["run", "web-01", "slow", "--username", "alice"]);
  const running = new Running("ctrl-exec", args);
  await until("the script runs", () => existsSync(control.folder.join("begun")));
  return running;
}

test("T30 no run while a lock is held: the second is refused, on the screen and as JSON", async () => {
  await using control = await ControlHost.create();
  await control.startAgent("web-01", { scripts: { slow: slow(control), quick: "true" } });
  const first = await startSlowRun(control);

  const second = await control.run("run", ["web-01", "slow"]);
  expect(second.status).toBe(1);
  expect(second.out).toBe("");
  expect(second.err).toStartWith("Locked: already running: web-01:slow\n");
  const third = await control.run("run", ["web-01", "slow", "--json"]);
  expect(third.status).toBe(1);
  const { hint, ...refusal } = JSON.parse(third.out);
  expect(third.out).toStartWith('{"ok":0,"error":"locked","code":4,"conflicts":["web-01:slow"],');
  expect(Object.keys(refusal)).toEqual(["ok", "error", "code", "conflicts"]);
  expect(hint).toMatch(/^Run ([0-9a-f]{16}) is in the way\. .* ctrl-exec cancel \1 --config \S+\n/);
  expect(hint).toEndWith(`\nSee: ctrl-exec list-locks --config ${control.config}`);
  // Another script on the same host has a lock of its own.
  await control.mustRun("run", ["web-01", "quick"]);

  const listed = await control.mustRun("list-locks");
  expect(listed.out).toMatch(
    /^HOST +SCRIPT +USER +PID +SINCE +REQID\n.*\nweb-01 +slow +alice +\d+ +\S+Z +[0-9a-f]{16}\n$/,
  );
  const option = `--config ${control.config}`;
  expect(listed.err).toBe(
    `Each is a run's: ctrl-exec status <reqid> ${option}. All runs: ctrl-exec list-runs ${option}\n`,
  );
  const [lock] = JSON.parse((await control.mustRun("list-locks", ["--json"])).out);
  expect(lock).toMatchObject({ host: "web-01", script: "slow", pid: first.child.pid });

  control.folder.write("go", "");
  expect(await first.child.exited).toBe(0);
  expect(readFileSync(control.folder.join("begun"), "utf8")).toBe("run\n");
  expect((await control.mustRun("list-locks", ["--json"])).out).toBe("[]\n");
  expect((await control.mustRun("list-locks")).err).toBe(
    `No run holds a lock. One that was let go has none; see: ctrl-exec list-runs ${option}\n`,
  );
  await control.mustRun("run", ["web-01", "slow"]);
  expect((await control.log.seen("lock-conflict")).fields).toEqual({ CONFLICTS: "web-01:slow" });
});

test("T10 a lock ends with its process, however that ends", async () => {
  await using control = await ControlHost.create();
  await control.startAgent("web-01", { scripts: { slow: slow(control) } });
  const first = await startSlowRun(control);
  await first.stop("SIGKILL");
  expect((await control.mustRun("list-locks", ["--json"])).out).toBe("[]\n");
  control.folder.write("go", "");
  await control.mustRun("run", ["web-01", "slow"]);
});

test("a hook that goes on by itself holds no lock", async () => {
  await using control = await ControlHost.create();
  const pidFile = control.folder.join("hook.pid");
  const hook = control.folder.script("hook", `sleep 300 & echo $! > ${pidFile}`);
  const text = readFileSync(control.config, "utf8");
  control.folder.write("control/ctrl-exec.conf", `${text}auth_hook = ${hook}\n`);
  await control.startAgent("web-01", { scripts: { greet: "echo hello" } });
  await control.mustRun("run", ["web-01", "greet"]);
  await control.mustRun("run", ["web-01", "greet"]);
  const pid = Number(readFileSync(pidFile, "utf8"));
  try {
    process.kill(pid);
  } catch {
    // The hook's whole group may have been ended already.
  }
});
