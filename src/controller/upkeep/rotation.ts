/**
 * Replaces the controller's certificate without losing an agent.
 *
 * An agent refuses every serial but the one it knows, so it can only be told a new one under the old one. The
 * writes are atomic; in order, a crash after each of them leaves this:
 *
 *   1 keep the old     credentials/<old>.pem    nothing has changed
 *   2 stage the new    credentials/<new>.pem    nothing has changed; the file is dropped later
 *   3 commit           rotation.json            the new one is in force, read from credentials/;
 *                                               agents are spoken to under the old one
 *   4 mark             agents/<host>.json       those not marked count as pending all the same: the
 *                                               serial in their record is not the one in force
 *   5 put in place     ctrl-exec.key            the pair does not fit; credentials/ still has the new
 *   6                  ctrl-exec.crt            both are the new one's
 *   7 keep the copy    credentials/in-force.pem <new>.pem under its other name: as without a rotation,
 *                                               and the old one beside it
 *
 * Whoever maintains next does 4 to 7 again. Telling the agents is broadcast.ts; the old one goes when the
 * overlap is over (dropEarlier).
 */
import { join } from "node:path";
import { secondsSince } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import { renewalThreshold, rotationDue, serialStatus } from "../../core/rotation.ts";
import { readSerialLine, type Serial } from "../../core/serial.ts";
import { daysBetween, isoSeconds } from "../../core/time.ts";
import {
  ensureFolder,
  listFolder,
  moveOver,
  removeIfPresent,
  writeWhole,
} from "../../system/files/files.ts";
import type { Controller } from "../control-host.ts";
import { checkClock, requireRightClock } from "../inventory/clock-check.ts";
import type { HostContext } from "../store/host.ts";
import { paths } from "../store/paths.ts";
import {
  type ControllerCredential,
  keptSerial,
  keptText,
  loadCredential,
} from "../trust/credential.ts";
import { rotationView } from "../trust/serial-report.ts";
import { mendCredentials } from "./mend-credentials.ts";

/** A named write of a rotation. */
export interface RotationStep {
  readonly name: string;
  run(): void | Promise<void>;
}

export interface RotationPlan {
  readonly oldSerial: Serial;
  readonly newSerial: Serial;
  readonly steps: readonly RotationStep[];
}

/**
 * Makes the new key and certificate, and returns the writes that put them in force. So far only the CA's note
 * of what it signed is written. The caller holds the maintenance lock.
 *
 * @throws CtrlExecError `config` if the current credential cannot be used: nobody could be told
 */
export async function planRotation(controller: HostContext): Promise<RotationPlan> {
  const { config, now, store } = controller;
  const old = loadCredential(config, now());
  const { makeOwnCredential } = await import("../trust/ca.ts");
  const next: ControllerCredential = { ...(await makeOwnCredential(controller)), ca: old.ca };
  const oldSerial = old.certificate.serial;
  const newSerial = next.certificate.serial;
  return {
    oldSerial,
    newSerial,
    steps: [
      { name: "keep the old", run: () => keep(controller, old) },
      { name: "stage the new", run: () => keep(controller, next) },
      { name: "commit", run: () => store.rotation.commit(newSerial, oldSerial, now()) },
      { name: "mark", run: () => markAgents(controller) },
      ...placeSteps(controller, next),
    ],
  };
}

/** Stores a copy in credentials/. */
export function keep({ config }: HostContext, { keyPem, certificate }: ControllerCredential): void {
  ensureFolder(paths(config).credentials, 0o700);
  writeWhole(keptFile(config, certificate.serial), keptText(keyPem, certificate), 0o600);
}

function keptFile(config: HostContext["config"], serial: Serial): string {
  return join(paths(config).credentials, `${serial}.pem`);
}

/** Stores the key and certificate of which credentials/ has a copy. */
export function placeSteps({ config }: HostContext, next: ControllerCredential): RotationStep[] {
  return [
    { name: "put the key in place", run: () => writeWhole(config.key, next.keyPem, 0o600) },
    {
      name: "put the certificate in place",
      run: () => writeWhole(config.cert, `${next.certificate.pem.trimEnd()}\n`, 0o644),
    },
    {
      name: "keep the copy",
      run: () => moveOver(keptFile(config, next.certificate.serial), paths(config).inForce),
    },
  ];
}

export interface Rotated {
  readonly oldSerial: Serial;
  readonly newSerial: Serial;
  readonly agents: number;
  readonly overlapExpires: Date | undefined;
}

/**
 * Does a whole rotation. The caller holds the maintenance lock.
 *
 * @param force goes on although other hosts' clocks disagree with this one's
 * @throws CtrlExecError, which is also logged
 */
export async function rotate(controller: Controller, force: boolean): Promise<Rotated> {
  const { log, store } = controller;
  try {
    await requireRightClock(controller, "rotate this host's certificate", force);
    await mendCredentials(controller);
    await finishRotation(controller);
    const plan = await planRotation(controller);
    for (const step of plan.steps) await step.run();
    const overlapExpires = (await store.rotation.state())?.overlapExpires;
    const agents = (await store.registry.read()).agents.size;
    const { oldSerial, newSerial } = plan;
    log({
      event: "cert-rotated",
      agents,
      newSerial,
      oldSerial,
      overlapExpires: overlapExpires === undefined ? undefined : isoSeconds(overlapExpires),
    });
    return { oldSerial, newSerial, agents, overlapExpires };
  } catch (thrown) {
    log({ event: "cert-rotation-fail", error: messageOf(thrown) });
    throw thrown;
  }
}

/** Rotates if the certificate is due. @returns undefined if it is not */
export async function rotateIfDue(
  controller: Controller,
  force: boolean,
): Promise<Rotated | undefined> {
  const { config, log, now } = controller;
  const { certificate, ca } = loadCredential(config, now());
  const daysLeft = daysBetween(now(), certificate.notAfter);
  log({ event: "cert-check", daysLeft, threshold: Math.floor(renewalThreshold(config)) });
  if (!rotationDue(certificate.notAfter, ca.notAfter, config, now())) return undefined;
  log({ event: "cert-renewal-start", daysLeft });
  return await rotate(controller, force);
}

/**
 * Stores what a crash may have left only in credentials/ since the commit. The caller holds the maintenance
 * lock.
 */
export async function finishRotation(controller: HostContext): Promise<void> {
  const { config, now, store } = controller;
  const rotation = await store.rotation.read();
  if (rotation.kind !== "state") return;
  const current = loadCredential(config, now());
  const { serial } = current.certificate;
  const staged = listFolder(paths(config).credentials).includes(`${serial}.pem`);
  if (!staged || serial !== rotation.state.currentSerial) return;
  for (const step of placeSteps(controller, current)) await step.run();
}

/**
 * Updates the records after a rotation: agents that do not know the current serial are pending, and stale once
 * the overlap is over.
 *
 * @returns every agent that is stale
 */
export async function markAgents(controller: HostContext): Promise<string[]> {
  const { log, now, store } = controller;
  const view = await rotationView(controller);
  const stale: string[] = [];
  const givenUp: string[] = [];
  await store.registry.change((record) => {
    const status = serialStatus(record, view, now());
    if (status === "stale") stale.push(record.hostname);
    if (status === record.serial_status) return undefined;
    if (status === "stale") givenUp.push(record.hostname);
    return { ...record, serial_status: status };
  });
  for (const hostname of givenUp) {
    log({
      event: "serial-stale",
      agent: hostname,
      reason: "not confirmed before the overlap had ended; pair it again",
    });
  }
  return stale;
}

/**
 * Corrects the overlap of a rotation that was made while the clock was ahead, if other hosts confirm that the
 * clock is right now.
 */
export async function mendOverlap(controller: Controller): Promise<void> {
  const { now, store } = controller;
  const rotation = await store.rotation.read();
  if (rotation.kind !== "state") return;
  const { currentSerial, previousSerial, rotatedAt } = rotation.state;
  if (rotatedAt === undefined || previousSerial === undefined) return;
  if (secondsSince(rotatedAt, now()) !== undefined) return;
  const { kind, seen } = await checkClock(controller);
  if (kind === "fine" && seen > 0)
    await store.rotation.commit(currentSerial, previousSerial, now());
}

/** Whether a rotation's overlap has ended and there is still something to give up or drop. */
export async function overlapIsOver({ config, now, store }: HostContext): Promise<boolean> {
  const rotation = await store.rotation.read();
  if (rotation.kind !== "state") return false;
  const { currentSerial, overlapExpires } = rotation.state;
  if (overlapExpires === undefined || overlapExpires > now()) return false;
  const earlier = listFolder(paths(config).credentials)
    .map(keptSerial)
    .some((serial) => serial !== undefined && serial !== currentSerial);
  const pending = [...(await store.registry.read()).agents.values()].some(
    ({ serial_status }) => serial_status === "pending",
  );
  return earlier || pending;
}

/**
 * Drops credentials under which no agent needs to be called any more: after the overlap all but the one in
 * force, before that those that are neither side of the rotation nor known to any agent.
 */
export async function dropEarlier({ config, now, store }: HostContext): Promise<void> {
  const rotation = await store.rotation.read();
  // Without a sound rotation.json nobody knows what is still needed.
  if (rotation.kind !== "state") return;
  const { currentSerial, previousSerial, overlapExpires } = rotation.state;
  const over = overlapExpires !== undefined && overlapExpires <= now();
  const needed = new Set<Serial | undefined>([currentSerial]);
  if (!over) {
    needed.add(previousSerial);
    const { agents, broken } = await store.registry.read();
    // It is unknown which of them such an agent trusts.
    if (broken.length > 0) return;
    for (const { dispatcher_serial } of agents.values()) {
      needed.add(readSerialLine(dispatcher_serial));
    }
  }
  for (const name of listFolder(paths(config).credentials)) {
    const serial = keptSerial(name);
    if (serial !== undefined && !needed.has(serial)) {
      removeIfPresent(join(paths(config).credentials, name));
    }
  }
}
