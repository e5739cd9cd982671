import { expect, test } from "bun:test";
import { portFindings, type WhoRuns } from "../../../../../src/controller/upkeep/doctor/ports.ts";
import {
  type ControllerConfig,
  parseControllerConfig,
} from "../../../../../src/core/config/controller-config.ts";
import { faults } from "../../../../support/doctor.ts";

const { config } = await parseControllerConfig("/x/ctrl-exec.conf", "");
const NOBODY: WhoRuns = { api: false, keeper: undefined };
const API: WhoRuns = { api: true, keeper: undefined };

/** @param ports on which somebody listens, at every address */
function found(runs: WhoRuns, ports: readonly number[], change: Partial<ControllerConfig> = {}) {
  const listening = ports.map((port) => ({ address: "0.0.0.0", port }));
  return portFindings({ ...config, ...change }, { root: "/nowhere", listening }, runs);
}

test("the port of the metrics is looked at where they have one", () => {
  const metrics = { metrics_bind: "127.0.0.1" };
  expect(found(API, [7445]).map(({ name }) => name)).not.toContain("metrics");
  expect(faults(found(NOBODY, [], metrics))).toEqual([]);
  expect(faults(found(NOBODY, [7448], metrics))).toEqual([
    "metrics: the API is not running, and another program has its port 7448",
  ]);
  expect(faults(found(API, [7445, 7448], metrics))).toEqual([]);
  const [fault] = found(API, [7445], metrics).filter(({ ok }) => !ok);
  expect([fault?.detail, fault?.remedy]).toEqual([
    "nothing listens on 127.0.0.1:7448: metrics_bind or metrics_port has changed since ctrl-exec-api was started",
    "systemctl restart ctrl-exec-api",
  ]);
});

test("so is the port of the hub", () => {
  const hub = { hub: true };
  expect(found(API, [7445]).map(({ name }) => name)).not.toContain("hub");
  expect(faults(found(API, [7445, 7446], hub))).toEqual([]);
  expect(faults(found(API, [7445], hub))).toEqual([
    "hub: nothing listens on [::]:7446: hub_bind or hub_port has changed since ctrl-exec-api was started",
  ]);
});

test("with join = on, an API that runs holds the pairing port", () => {
  const join = { join: true };
  expect(faults(found(NOBODY, [], join))).toEqual([]);
  expect(faults(found(API, [7445]))).toEqual([]);
  expect(faults(found(API, [7445], join))).toEqual([
    "pairing: join = on, and the API does not hold the port: no host can join",
  ]);
  const held: WhoRuns = { api: true, keeper: "ctrl-exec-api" };
  expect(faults(found(held, [7444, 7445], join))).toEqual([]);
  const [moved] = found(held, [7445], join).filter(({ ok }) => !ok);
  expect(moved?.remedy).toBe("systemctl restart ctrl-exec-api");
  expect(faults(found({ api: true, keeper: "pairing-mode" }, [7444, 7445], join))).toEqual([]);
});
