import { type JoinOutcome, join as joinOnce } from "../../agent/pairing/join.ts";
import { joinWithPatience } from "../../agent/pairing/join-attempts.ts";
import { beginJoin, forgetJoin } from "../../agent/pairing/join-key-file.ts";
import { proveStorable } from "../../agent/pairing/storing.ts";
import { selfReport } from "../../agent/self-report.ts";
import { readIdentity } from "../../agent/trust/identity-files.ts";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import type { JoinToken } from "../../core/join-token.ts";
import { forOneLine } from "../../core/text.ts";
import { createCsr } from "../../pki/csr.ts";
import { generateKeyPem, readPrivateKey } from "../../pki/keys.ts";
import { pause } from "../../system/deadline.ts";
import { defineVerb, type VerbInput } from "../command/command.ts";
import { durationOption, portOption } from "../command/numbers.ts";
import { joinTokenFrom } from "./join-token-file.ts";
import { agentOptions } from "./options.ts";
import { controlHostOption, hostnameOption } from "./pairing-plan.ts";
import { type AgentSetting, openAgentSetting } from "./setting.ts";
import { startStep, storeEnrolled } from "./store-enrolled.ts";

const EXIT_REFUSED = 3;

const USUAL_SECONDS = 60;
const MAX_SECONDS = 86_400;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

const options = {
  dispatcher: agentOptions.dispatcher,
  "ctrl-exec": agentOptions["ctrl-exec"],
  port: agentOptions.port,
  hostname: agentOptions.hostname,
  "token-file": agentOptions["token-file"],
  timeout: {
    ...agentOptions.timeout,
    description: "How long to go on trying (60s; max 24h; 0 tries once)",
  },
  consume: agentOptions.consume,
  config: agentOptions.config,
  log: agentOptions.log,
} as const;

type JoinInput = VerbInput<typeof options>;

export const join = defineVerb({
  positionals: "",
  arity: [0, 0],
  options,
  details: [
    "Gets a certificate with a join token (ctrl-exec token create, on the control",
    "host), without an operator. The token is read from a file or from standard",
    "input, never from the command line. The control host is checked by the CA that",
    "the token names before it is told anything, and the token's secret is not sent.",
    "",
    "A control host that does not answer, or is busy, is asked again until --timeout.",
    "A join that was cut off, on either side, is finished by the same command, and",
    "counts once.",
    "",
    "A host that is registered already joins again with its present key. With",
    "--consume the token's file is removed once this host has joined.",
    "",
    "Exit status: 0 joined, 2 a token that cannot be used, 3 refused, 78 a file of",
    "this agent that cannot be used, 1 any other failure.",
  ].join("\n"),
  examples: [
    "ctrl-exec-agent join --ctrl-exec ctrl.example.com --token-file /run/join-token",
    "ctrl-exec-agent join --ctrl-exec ctrl --token-file - --timeout 10m < token",
  ],
  async run(input) {
    const given = input.options;
    const controller = controlHostOption(given, "join");
    const hostname = hostnameOption(given);
    const port = portOption(given.port);
    const seconds =
      given.timeout === undefined
        ? USUAL_SECONDS
        : durationOption("timeout", given.timeout, 0, MAX_SECONDS);
    const { token, consume } = await joinTokenFrom(given["token-file"], given.consume, input.io);
    const setting = await openAgentSetting(given, "defaults");
    const plan = { controller, hostname, token, consume, seconds, port };
    try {
      return await joinAndStore(input, plan, setting);
    } catch (thrown) {
      setting.log({ event: "join-fail", error: messageOf(thrown) });
      throw thrown;
    }
  },
});

interface JoinPlan {
  readonly controller: string;
  readonly hostname: string;
  readonly token: JoinToken;
  /** As in TypedJoinToken. */
  readonly consume: () => boolean;
  readonly port: number | undefined;
  readonly seconds: number;
}

async function joinAndStore(
  { io, options: given }: JoinInput,
  plan: JoinPlan,
  setting: AgentSetting,
): Promise<number> {
  const { config, log } = setting;
  const { controller, hostname, token } = plan;
  proveStorable(config);
  const { key, nonce } = await beginJoin(config, token.id, hostname, () =>
    generateKeyPem(config.key_type),
  );
  const csrPem = await createCsr(hostname, readPrivateKey(key, "the new key"));
  const attempt = () =>
    joinOnce({
      controller,
      port: plan.port ?? config.pairing_port,
      hostname,
      servePort: config.port,
      report: selfReport(config),
      token,
      keyPem: key,
      csrPem,
      nonce,
      own: ownIdentity(config, token),
      now: () => new Date(),
    });
  const outcome: JoinOutcome = await joinWithPatience(attempt, {
    forMs: plan.seconds * 1000,
    firstMs: FIRST_WAIT_MS,
    longestMs: LONGEST_WAIT_MS,
    random: Math.random,
    clock: () => performance.now(),
    pause: (ms) => pause(ms, undefined),
    onFailure: (why) => io.err(`${forOneLine(why)}; trying again\n`),
  });
  if (outcome.kind === "refused") {
    const { reason, again } = outcome;
    // Another try would be another join: nothing is kept for it.
    if (!again) forgetJoin(config);
    log({ event: "join-denied", dispatcher: controller, reason, token: token.id });
    io.err(`Refused: ${forOneLine(reason)}. Nothing was stored.\n`);
    io.err(`The log of ${controller} says why: ACTION=join-refuse TOKEN=${token.id}\n`);
    return EXIT_REFUSED;
  }
  await storeEnrolled(io, setting, key, outcome.enrolled, "");
  forgetJoin(config);
  log({ event: "join-complete", dispatcher: controller, token: token.id });
  io.err(`Joined as ${hostname}. Certificate: ${config.cert}\n`);
  if (given.consume && !plan.consume()) {
    io.err(`${given["token-file"]} is now another file, and was not removed.\n`);
  }
  io.err(`Next, unless the agent is already running, start it${startStep(config)}\n`);
  return 0;
}

/** Only for the CA of the token: the certificate of another CA is of no concern there. */
function ownIdentity(config: AgentConfig, { caFingerprint }: JoinToken) {
  try {
    const { certificate, ca, keyPem } = readIdentity(config);
    if (ca.fingerprint === caFingerprint) return { certPem: certificate.pem, keyPem };
  } catch (thrown) {
    // It has none, or none that could prove anything.
    if (!(thrown instanceof CtrlExecError)) throw thrown;
  }
  return undefined;
}
