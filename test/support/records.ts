/** The control host's records of its agents, as a test reads and changes them. */
import { readFileSync } from "node:fs";
import type { ControlHost } from "./fleet.ts";

/** What the record of a registered host says. */
export function recordOf(control: ControlHost, name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(recordFile(control, name), "utf8"));
}

export function recordFile({ folder }: ControlHost, name: string): string {
  return folder.join("control", "state", "agents", `${name}.json`);
}

/** The host's record says from now on that a year's certificate ends in an hour. */
export function makeDue(control: ControlHost, name: string): void {
  const expiry = new Date(Date.now() + 3_600_000).toUTCString();
  const [, day = "", month = "", year = "", time = ""] =
    /^\w+, (\d+) (\w+) (\d+) (\S+)/.exec(expiry) ?? [];
  const record = {
    ...recordOf(control, name),
    expiry: `${month} ${day.replace(/^0/, " ")} ${time} ${year} GMT`,
    renewed: new Date(Date.now() - 364 * 86_400_000).toISOString(),
  };
  control.folder.write(`control/state/agents/${name}.json`, JSON.stringify(record), 0o640);
}
