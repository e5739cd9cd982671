/** What an agent refuses in two words comes with the next step, on every screen. */
import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import { runProgram } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { TestFolder } from "../../support/folder.ts";
import { LIMITED_USER } from "../../support/process-limit.ts";

const PAIR_AGAIN =
  "pair it again, on that host: ctrl-exec-agent request-pairing --dispatcher <this host> --port <port>";
const MISMATCH = `serial mismatch: it knows this control host by another certificate; ${PAIR_AGAIN}`;

test("serial mismatch and stale say what to do; the data keeps the agent's words", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", { scripts: { greet: "echo hi" } });
  control.folder.write("web-01/ctrl-exec-serial", "b2\n");
  const { out, status } = await control.run("run", ["web-01", "greet"]);
  expect(status).toBe(1);
  expect(out).toContain(`    ERROR: ${MISMATCH}\n`);
  expect((await control.run("ping", ["web-01"])).err).toContain(`web-01: ${MISMATCH}\n`);
  const json = await control.run("run", ["web-01", "greet", "--json"]);
  expect(JSON.parse(json.out).results[0].error).toBe("serial mismatch");
  expect((await control.run("maintain")).out).toContain(`Still to be told: web-01 (${MISMATCH})\n`);
  expect((await control.run("rotate-cert")).out).toContain(`web-01: pending (${MISMATCH})\n`);

  // As when the overlap is over.
  const path = control.folder.join("control", "state", "rotation.json");
  const rotation = JSON.parse(readFileSync(path, "utf8"));
  const over = { ...rotation, overlap_expires: rotation.rotated_at };
  control.folder.write("control/state/rotation.json", JSON.stringify(over), 0o640);
  const stale = `Stale: web-01\nEach of them: ${PAIR_AGAIN}\n`;
  for (let pass = 0; pass < 2; pass++) {
    expect((await control.run("maintain")).out).toContain(stale);
  }
  for (const mode of ["list-agents", "serial-status"]) {
    expect((await control.run(mode)).err).toContain(stale);
  }
  await agent.stop();
  await agent.pair();
  await agent.serve();
  expect((await control.run("maintain")).out).not.toContain("Stale");
  expect((await control.mustRun("list-agents")).err).toBe("");
}, 60_000);

test("certificate revoked says in whose list, and what to do", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", { scripts: { greet: "echo hi" } });
  control.folder.write("web-01/revoked-serials", readFileSync(agent.path("ctrl-exec-serial")));
  const { out, status } = await control.run("run", ["web-01", "greet"]);
  expect(status).toBe(1);
  expect(out).toContain(
    "    ERROR: certificate revoked: its revoked-serials file lists this control host's serial: remove that line there, or",
  );
  expect(out).toContain(PAIR_AGAIN);
});

test("who may not use this host's files is told so by every mode, with one status", async () => {
  await using control = await ControlHost.create();
  const state = control.folder.join("control/state");
  mkdirSync(state, { recursive: true });
  chmodSync(state, 0);
  try {
    const rollouts = `${state}/rollouts`;
    for (const [words, said] of [
      ["list-agents", `Cannot read ${state}/agents: permission denied`],
      ["list-runs", `Cannot read ${state}/runs: permission denied`],
      ["status a1b2c3d4e5f60718", `Cannot read ${state}/runs: permission denied`],
      ["unpair web-01", `Cannot create ${state}/locks: permission denied`],
      [
        "run web-01 deploy --batch 1 --detach",
        `Cannot hand over a rollout to ctrl-exec-api: this user may not enter ${rollouts}`,
      ],
    ] as const) {
      const args = control.withSetting(words.split(" "));
      const { err, status } = await runProgram("ctrl-exec", args, { user: LIMITED_USER });
      expect([words, status, err]).toEqual([
        words,
        78,
        expect.stringContaining(`${said}\nRun this as root (sudo), or `),
      ]);
    }
  } finally {
    chmodSync(state, 0o700);
  }
});

test("who may not write where a pairing is stored is told to run it as root", async () => {
  using folder = new TestFolder();
  const etc = folder.join("etc");
  mkdirSync(etc);
  const config = folder.write(
    "agent.conf",
    ["cert", "key", "ca"].map((name) => `${name} = ${etc}/${name}\n`).join("") +
      `dispatcher_serial_path = ${etc}/serial\n`,
  );
  chmodSync(etc, 0o555);
  const { err, status } = await runProgram(
    "ctrl-exec-agent",
    ["request-pairing", "--dispatcher", "127.0.0.1", "--config", config],
    { user: LIMITED_USER },
  );
  expect(err).toEndWith(
    `ctrl-exec-agent: Cannot pair: Cannot write ${etc}/.pairing-probe: permission denied\n` +
      "Run this as root (sudo), or as the user these files belong to.\n" +
      "Nothing was sent to the control host.\n",
  );
  expect(status).toBe(78);
});
