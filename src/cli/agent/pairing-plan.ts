/** The options of request-pairing, read and checked before anything is done. */
import { hostname as systemHostname } from "node:os";
import { resolve } from "node:path";
import { CtrlExecError } from "../../core/errors.ts";
import {
  isResolvableName,
  pairedNameProblem,
  readsAsOtherAddress,
} from "../../core/net/host-name.ts";
import { isIp } from "../../core/net/ip-address.ts";
import { parseFingerprint } from "../../pki/certificate.ts";
import type { VerbInput } from "../command/command.ts";
import { durationOption, portOption } from "../command/numbers.ts";
import { agentOptions } from "./options.ts";

/** The agent waits a minute longer than the controller holds the connection (docs/PROTOCOL.md, section 1). */
const INTERACTIVE_WAIT_SECONDS = 660;
const BACKGROUND_WAIT_SECONDS = 30;
const MAX_BACKGROUND_WAIT_SECONDS = 600;

export const pairingOptions = {
  dispatcher: agentOptions.dispatcher,
  "ctrl-exec": agentOptions["ctrl-exec"],
  port: agentOptions.port,
  hostname: agentOptions.hostname,
  "ca-fingerprint": agentOptions["ca-fingerprint"],
  background: agentOptions.background,
  timeout: agentOptions.timeout,
  "background-child": agentOptions["background-child"],
  config: agentOptions.config,
  log: agentOptions.log,
} as const;

export type PairingInput = VerbInput<typeof pairingOptions>;

/** What the options of request-pairing ask for. */
export interface PairingPlan {
  readonly controller: string;
  readonly port: number | undefined;
  readonly hostname: string;
  readonly caFingerprint: string | undefined;
  readonly waitSeconds: number;
  /** The options for the process that waits in the background. */
  readonly childArgs: readonly string[];
}

/** @throws CtrlExecError `usage`, before anything is done */
export function readPairingPlan(given: PairingInput["options"]): PairingPlan {
  const controller = controlHostOption(given, "request-pairing");
  const hostname = hostnameOption(given);
  const inBackground = given.background || given["background-child"];
  if (given.timeout !== undefined && !inBackground) {
    throw new CtrlExecError("usage", "--timeout goes with --background");
  }
  const waitSeconds =
    given.timeout === undefined
      ? inBackground
        ? BACKGROUND_WAIT_SECONDS
        : INTERACTIVE_WAIT_SECONDS
      : durationOption("timeout", given.timeout, 1, MAX_BACKGROUND_WAIT_SECONDS);
  return {
    controller,
    port: portOption(given.port),
    hostname,
    caFingerprint: readFingerprint(given["ca-fingerprint"]),
    waitSeconds,
    childArgs: childArgs(given),
  };
}

interface ControlHostGiven {
  readonly dispatcher: string | undefined;
  readonly "ctrl-exec": string | undefined;
}

/** @param mode for the error @throws CtrlExecError `usage` */
export function controlHostOption(given: ControlHostGiven, mode: string): string {
  const controller = given["ctrl-exec"] ?? given.dispatcher;
  if (controller === undefined || (given["ctrl-exec"] && given.dispatcher)) {
    throw new CtrlExecError("usage", `${mode} needs one --dispatcher <host>`);
  }
  if (!isIp(controller) && !isResolvableName(controller)) {
    throw new CtrlExecError(
      "usage",
      `--dispatcher takes a host or an address, not "${controller}"`,
      {
        hint: controller.includes(":")
          ? "Its port goes with --port <n>."
          : "A name has letters, digits, hyphens and dots.",
      },
    );
  }
  if (readsAsOtherAddress(controller)) {
    throw new CtrlExecError(
      "usage",
      `Cannot call "${controller}": it is not a host or an address`,
      {
        hint: "An IPv4 address has four numbers, without leading zeros.",
      },
    );
  }
  return controller;
}

/** The name under which this host is to be known. @throws CtrlExecError `usage` */
export function hostnameOption(given: { readonly hostname: string | undefined }): string {
  const hostname = given.hostname ?? systemHostname();
  const problem = pairedNameProblem(hostname);
  if (problem !== undefined) {
    throw new CtrlExecError("usage", `Cannot pair as "${hostname}": ${problem}`, {
      hint: "Give one with --hostname <name>: letters, digits, hyphens and dots.",
    });
  }
  return hostname;
}

function readFingerprint(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const fingerprint = parseFingerprint(text);
  if (fingerprint !== undefined) return fingerprint;
  throw new CtrlExecError("usage", "--ca-fingerprint takes sha256: and 64 hex digits");
}

function childArgs(given: PairingInput["options"]): string[] {
  const args = ["--background-child"];
  for (const [name, value] of Object.entries(given)) {
    // The waiting process runs in /, so a relative path must not depend on where this one runs.
    if (typeof value === "string")
      args.push(`--${name}=${name === "config" ? resolve(value) : value}`);
  }
  return args;
}
