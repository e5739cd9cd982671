/** Whether agents answer, asked by the functions behind `ping` and `run` inside the test's own process. */
import { expect } from "bun:test";
import { startRun } from "../../src/controller/runs/start-run.ts";
import type { ControlHost } from "./fleet.ts";
import { CALLER, ping } from "./local-fleet.ts";

/** Pings the hosts and runs their script `greet`, which says hello; every one must answer. */
export async function expectAnswers(control: ControlHost, hosts: readonly string[]): Promise<void> {
  const controller = await control.controller();
  const pinged = await ping(controller, hosts);
  expect(pinged.map(({ host, error }) => [host, error])).toEqual(
    hosts.map((host) => [host, undefined]),
  );
  const order = { hosts, port: undefined, script: "greet", args: [] };
  const { results } = await (await startRun(controller, CALLER, order, () => undefined)).finished;
  expect(results.map(({ host, exit, stdout }) => [host, exit, String(stdout)])).toEqual(
    hosts.map((host) => [host, 0, "hello\n"]),
  );
}
