import { type PairingOutcome, type Pending, pair } from "../../agent/pairing/enrolment.ts";
import { proveStorable } from "../../agent/pairing/storing.ts";
import { selfReport } from "../../agent/self-report.ts";
import { messageOf } from "../../core/errors.ts";
import { forOneLine } from "../../core/text.ts";
import { PUSHED_OUT } from "../../core/wire/messages/pairing.ts";
import { createCsr } from "../../pki/csr.ts";
import { generateKeyPem, readPrivateKey } from "../../pki/keys.ts";
import { defineVerb } from "../command/command.ts";
import { terminalGone } from "../command/stop-signals.ts";
import { COVERED } from "../render/covered.ts";
import { fingerprintLines } from "../render/fingerprint.ts";
import { leaveInBackground } from "./pairing-background.ts";
import {
  type PairingInput,
  type PairingPlan,
  pairingOptions,
  readPairingPlan,
} from "./pairing-plan.ts";
import { type AgentSetting, openAgentSetting } from "./setting.ts";
import { startStep, storeEnrolled } from "./store-enrolled.ts";

/** Exit status by outcome (docs/OPERATIONS.md, "Pairing many hosts"). */
const EXIT_TIMEOUT = 2;
const EXIT_DENIED = 3;

/** A controller, even of 0.8, says this when its own time is over. */
const CONTROLLER_TIMEOUT = "approval timeout";

export const requestPairing = defineVerb({
  positionals: "",
  arity: [0, 0],
  options: pairingOptions,
  details: [
    "Makes a key and a certificate request, sends the request to the control host,",
    "and waits until its operator approves it. Both screens show the same request id,",
    "six-digit code and CA fingerprint: compare them before anybody approves. With",
    "--ca-fingerprint (setup-ca prints it), the control host is checked before",
    "anything is sent.",
    "",
    "The code covers both hosts: with an attacker in between, the screens show",
    "different codes. With a control host of 0.8 or 1.0 it covers the request alone",
    "and can be forged; the screen says so. If one screen says both hosts and the",
    "other the request alone, an attacker is in between: the request must be denied.",
    "",
    "With --background, it prints the request id and returns; a process in the",
    "background waits, at most 600 seconds.",
    "",
    "Exit status: 0 approved, 2 no answer in time, 3 denied, 1 any other failure.",
  ].join("\n"),
  examples: [
    "ctrl-exec-agent request-pairing --dispatcher ctrl.example.com",
    "ctrl-exec-agent request-pairing --ctrl-exec ctrl --ca-fingerprint sha256:4f...",
    "ctrl-exec-agent request-pairing --dispatcher ctrl.example.com --background",
  ],
  async run(input) {
    const plan = readPairingPlan(input.options);
    if (input.options.background) return await leaveInBackground(input.io, plan.childArgs);
    return await Promise.race([pairNow(input, plan), terminalGone()]);
  },
});

async function pairNow(input: PairingInput, plan: PairingPlan): Promise<number> {
  const setting = await openAgentSetting(input.options, "defaults");
  const progress = { reqid: "" };
  try {
    return await askAndStore(input, plan, setting, progress);
  } catch (thrown) {
    // In the background nobody reads main's output.
    setting.log({ event: "pair-fail", error: messageOf(thrown), reqid: progress.reqid });
    throw thrown;
  }
}

async function askAndStore(
  input: PairingInput,
  plan: PairingPlan,
  setting: AgentSetting,
  progress: { reqid: string },
): Promise<number> {
  const { io } = input;
  const { config } = setting;
  proveStorable(config);
  const keyPem = await generateKeyPem(config.key_type);
  const csrPem = await createCsr(plan.hostname, readPrivateKey(keyPem, "the new key"));
  const child = input.options["background-child"];
  const outcome = await pair({
    controller: plan.controller,
    port: plan.port ?? config.pairing_port,
    hostname: plan.hostname,
    servePort: config.port,
    report: selfReport(config),
    keyPem,
    csrPem,
    nonce: crypto.getRandomValues(new Uint8Array(16)).toHex(),
    caFingerprint: plan.caFingerprint,
    waitMs: plan.waitSeconds * 1000,
    now: () => new Date(),
    onPending: (pending) => {
      progress.reqid = pending.reqid;
      io.out(child ? `${pending.reqid}\n` : describePending(plan.hostname, pending));
      io.err(
        `Waiting for the operator of ${plan.controller} to approve. Compare all of this with that screen; ` +
          "if anything differs, have it denied.\n",
      );
    },
  });
  return await conclude(input, plan, setting, keyPem, outcome);
}

function describePending(hostname: string, pending: Pending): string {
  const { reqid, code, covers, caFingerprint } = pending;
  const lines = [
    `Hostname:           ${hostname}`,
    `Request id:         ${reqid}`,
    `Confirmation code:  ${code}`,
    `Code covers:        ${COVERED[covers]}`,
  ];
  if (covers !== "both") {
    const compare =
      caFingerprint === undefined
        ? "This control host shows no CA: compare the one that this agent names at the end."
        : "Compare the CA fingerprints on both screens too.";
    lines.push(`                    It can be forged. ${compare}`);
  }
  const shown =
    caFingerprint === undefined ? "" : fingerprintLines("CA fingerprint:     ", caFingerprint);
  return `${lines.join("\n")}\n${shown}`;
}

async function conclude(
  { io }: PairingInput,
  plan: PairingPlan,
  { config, log }: AgentSetting,
  keyPem: string,
  outcome: PairingOutcome,
): Promise<number> {
  const { reqid } = outcome;
  if (outcome.kind === "approved") {
    await storeEnrolled(io, { config, log }, keyPem, outcome.enrolled, reqid);
    log({ event: "pair-complete", dispatcher: plan.controller, status: "approved" });
    io.err(`Paired. Certificate: ${config.cert}\n`);
    io.err(`Next, unless the agent is already running, start it${startStep(config)}\n`);
    if (plan.caFingerprint === undefined) {
      const { fingerprint } = outcome.enrolled.ca;
      io.err(fingerprintLines("This agent now trusts the CA ", fingerprint));
    }
    return 0;
  }
  if (outcome.kind === "denied" && outcome.reason !== CONTROLLER_TIMEOUT) {
    log({ event: "pair-denied", reason: outcome.reason, reqid });
    const next = outcome.reason === PUSHED_OUT ? "; run request-pairing again" : "";
    io.err(`Denied: ${forOneLine(outcome.reason)}. Nothing was stored${next}.\n`);
    return EXIT_DENIED;
  }
  log({ event: "pair-timeout", reqid });
  io.err("Nobody approved the request in time. Nothing was stored; run request-pairing again.\n");
  return EXIT_TIMEOUT;
}
