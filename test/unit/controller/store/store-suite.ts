/**
 * What every implementation of ports.ts must pass: what it promises, seen from here and from other processes of
 * the control host. What is special to one way of keeping it has tests of its own.
 */
import { describe } from "bun:test";
import type { MakeStore } from "../../../support/store-under-test.ts";
import { certificatesSuite } from "./suite/certificates.ts";
import { clocksSuite } from "./suite/clocks.ts";
import { countsSuite } from "./suite/counts.ts";
import { groupsSuite } from "./suite/groups.ts";
import { joinTokensSuite } from "./suite/join-tokens.ts";
import { learnedSuite } from "./suite/learned.ts";
import { listedSuite } from "./suite/listed.ts";
import { locksSuite } from "./suite/locks.ts";
import { noticesSuite } from "./suite/notices.ts";
import { outputsSuite } from "./suite/outputs.ts";
import { pairingSuite } from "./suite/pairing.ts";
import { recordsSuite } from "./suite/records.ts";
import { registrySuite } from "./suite/registry.ts";
import { rolloutsSuite } from "./suite/rollouts.ts";
import { rotationSuite } from "./suite/rotation.ts";
import { runsSuite } from "./suite/runs.ts";
import { writerSuite } from "./suite/writer.ts";

export function storeSuite(name: string, make: MakeStore): void {
  describe(`${name}: the registry`, () => registrySuite(make));
  describe(`${name}: one writer at a time`, () => writerSuite(make));
  describe(`${name}: the clocks`, () => clocksSuite(make));
  describe(`${name}: the answer of group_command`, () => groupsSuite(make));
  describe(`${name}: what was counted`, () => countsSuite(make));
  describe(`${name}: what the hosts have told`, () => learnedSuite(make));
  describe(`${name}: the certificates`, () => certificatesSuite(make));
  describe(`${name}: rotation and upkeep`, () => rotationSuite(make));
  describe(`${name}: the pairing queue`, () => pairingSuite(make));
  describe(`${name}: notices that wait`, () => noticesSuite(make));
  describe(`${name}: join tokens`, () => joinTokensSuite(make));
  describe(`${name}: the locks of runs`, () => locksSuite(make));
  describe(`${name}: runs under way and over`, () => runsSuite(make));
  describe(`${name}: rollouts`, () => rolloutsSuite(make));
  describe(`${name}: what the records of runs hold`, () => recordsSuite(make));
  describe(`${name}: what runs print`, () => outputsSuite(make));
  describe(`${name}: the list of runs`, () => listedSuite(make));
}
