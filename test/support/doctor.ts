/** What the tests of `doctor` have in common: a set-up control host, and what is found there. */
import { utimesSync } from "node:fs";
import type { Finding } from "../../src/controller/upkeep/doctor/finding.ts";
import type { Surroundings } from "../../src/controller/upkeep/doctor/surroundings.ts";
import type { LocalFleet } from "./local-fleet.ts";

/** Those that are not ok, by name, as `name: what was found`. */
export function faults(findings: readonly Finding[]): string[] {
  return findings.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
}

/** A host without an init system, on whose ports nobody listens. */
export function nothingAround(fleet: LocalFleet): Surroundings {
  return { root: fleet.folder.join("nowhere"), listening: [] };
}

/** A record as pairing writes it; nobody was paired. */
export function register(fleet: LocalFleet, hostname: string, more: object = {}): string {
  const record = { hostname, ip: "127.0.0.1", paired: fleet.now.toISOString(), ...more };
  const file = `control/state/agents/${hostname}.json`;
  return fleet.folder.write(file, `${JSON.stringify(record)}\n`, 0o640);
}

/** A file of this host's state that was last written so many days ago, by the fleet's clock. */
export function old(fleet: LocalFleet, name: string, text: string, days: number): string {
  const path = fleet.folder.write(`control/${name}`, text, 0o640);
  const time = fleet.now.getTime() / 1000 - days * 86_400;
  utimesSync(path, time, time);
  return path;
}
