/** Failed runs and stopped rollouts, told by the command line and the API: receivers are real servers and programs. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { TestApi } from "../../support/api.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import {
  isSigned,
  NOTICE_KEY,
  NoticeReceiver,
  receiverFile,
} from "../../support/notice-receiver.ts";

let host: ControlHost;
let key: string;

beforeAll(async () => {
  host = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  key = host.folder.write("control/notify-key", `${NOTICE_KEY}\n`, 0o600);
  const scripts = { hello: "echo hello", fails: "echo s3cret-output; exit 3" };
  await Promise.all([
    host.startAgent("web-01", { scripts }),
    host.startAgent("web-02", { scripts }),
  ]);
});

afterEach(() => {
  for (const folder of ["notify.d", "state/notices"]) {
    rmSync(host.folder.join("control", folder), { recursive: true, force: true });
  }
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

function name(file: string, text: string): void {
  host.folder.write(`control/notify.d/${file}.toml`, text);
}

function spool(): string[] {
  const folder = host.folder.join("control/state/notices");
  return existsSync(folder) ? readdirSync(folder) : [];
}

async function runFails(...more: string[]): Promise<void> {
  await host.run("run", ["web-01,web-02", "fails", ...more, "--", "s3cret-argument"]);
}

test("without notify.d nothing is written; with it, what the command line left is handed out by maintain", async () => {
  await runFails();
  expect(spool()).toEqual([]);
  using receiver = new NoticeReceiver();
  name("pager", receiver.file(key));
  expect((await host.run("run", ["web-01", "hello"])).status).toBe(0);
  expect(spool()).toEqual([]);
  await runFails();
  await runFails("--batch", "1");
  expect(spool()).toHaveLength(3);
  expect(receiver.got).toEqual([]);
  await host.mustRun("maintain");
  expect(spool()).toEqual([]);
  const told = receiver.got.map(({ json }) => json);
  expect(receiver.got.every((each) => isSigned(each))).toBe(true);
  expect(told[0]).toMatchObject({
    version: 1,
    kind: "run-failed",
    script: "fails",
    count: 2,
    hosts: [
      { host: expect.stringMatching(/^web-0[12]$/), state: "ended", exit: 3, fault: null },
      { host: expect.stringMatching(/^web-0[12]$/), state: "ended", exit: 3, fault: null },
    ],
    summary: expect.stringMatching(/^fails failed on 2 hosts: web-0[12], web-0[12]$/),
  });
  expect(told.slice(1).map(({ kind }) => kind)).toContain("rollout-stopped");
  // T27, T35: neither output nor arguments leave this host.
  expect(JSON.stringify(told)).not.toContain("s3cret");
});

// It waits for what the product waits: a second to collect, one until it tries again, one for the deadline.
test("the API hands out at once, what others have left as well, and again after a 500", async () => {
  using receiver = new NoticeReceiver();
  receiver.statuses = [500];
  const said = host.folder.join("said");
  const program = host.folder.script("page", `cat >>${said}; echo >>${said}`);
  name("pager", receiver.file(key));
  name("page", receiverFile(`program = ["${program}"]`));
  name("dead", receiverFile('url = "http://127.0.0.1:1/"', `key_file = "${key}"`, "deadline = 1"));
  await using api = await TestApi.start(host);
  await api.post("/run", { hosts: ["web-01"], script: "fails" });
  const [first, second] = await receiver.received(2);
  expect(second?.id).toBe(first?.id ?? "none");
  expect(second?.body).toBe(first?.body ?? "none");
  await runFails();
  const [, , third] = await receiver.received(3);
  expect(third?.json).toMatchObject({ count: 2 });
  await until("the dead one's are given up", () => spool().length === 0);
  expect(
    readFileSync(said, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).id),
  ).toEqual([first?.id, third?.id]);
  const drops = api.logged("notice-drop");
  expect(drops[0]).toMatchObject({ RECEIVER: "dead" });
  expect(drops[0]?.REASON).toContain("its deadline is over: 127.0.0.1:1: ");
});

test("T10 T35 an API that is killed while it hands out leaves the notice: it comes again, under the same id", async () => {
  using receiver = new NoticeReceiver();
  const { promise, resolve } = Promise.withResolvers<void>();
  receiver.answersAfter = promise;
  name("pager", receiver.file(key));
  {
    await using api = await TestApi.start(host);
    await api.post("/run", { hosts: ["web-01"], script: "fails" });
    await receiver.received(1);
    await api.running.stop("SIGKILL");
  }
  resolve();
  expect(spool()).toHaveLength(1);
  await using _api = await TestApi.start(host);
  const [first, second] = await receiver.received(2);
  expect(second?.id).toBe(first?.id ?? "none");
  await until("it was taken", () => spool().length === 0);
});

test("a file of notify.d or join.d that cannot be used is reported at the API's start, and stops no run", async () => {
  name("pager", 'events = ["run-faild"]');
  host.folder.write("control/join.d/web.toml", "names = []");
  await using api = await TestApi.start(host);
  expect(api.logged("config-warn").map(({ KEY }) => KEY)).toEqual(["join.d", "notify.d"]);
  rmSync(host.folder.join("control/join.d"), { recursive: true });
  const { status } = await api.post("/run", { hosts: ["web-01"], script: "hello" });
  expect(status).toBe(200);
});
