/** What the API takes on within this process's limit of descriptors. */
import { expect, test } from "bun:test";
import { shareDescriptors } from "../../../src/api/capacity.ts";
import { apiShares } from "../../../src/core/descriptor-shares.ts";
import { descriptorLimit, workDescriptors } from "../../../src/system/process/descriptors.ts";
import { EventLog } from "../../support/event-log.ts";
import { localController } from "../../support/local-pairing.ts";

async function shared(api_max_requests: number) {
  const { log, events } = new EventLog("ctrl-exec");
  const { config, ...controller } = await localController("/etc/x.conf", "");
  const shares = shareDescriptors({ ...controller, config: { ...config, api_max_requests }, log });
  return { shares, events };
}

test("T65 calls of agents get what connections and requests leave", async () => {
  const before = workDescriptors().size;
  const { shares, events } = await shared(4);
  expect(shares).toEqual(apiShares(descriptorLimit(), 4));
  expect(workDescriptors().size).toBe(shares.work);
  expect(events).toEqual([]);
  workDescriptors().resize(before);
});

test("T65 more requests than there is room for are a warning, which says for how many there is", async () => {
  const before = workDescriptors().size;
  const { shares, events } = await shared(1_000_000_000);
  const limit = descriptorLimit();
  expect(events).toEqual([
    {
      level: "warning",
      action: "config-warn",
      fields: {
        KEY: "api_max_requests",
        MSG: `ulimit -n ${limit} leaves room for ${shares.requests} requests at once`,
      },
    },
  ]);
  workDescriptors().resize(before);
});
