/** One attempt to hand a notice to its receiver. */
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { shortageOf } from "../../core/shortage.ts";
import { BEING_WRITTEN, wordsFor } from "../../core/start-failure.ts";
import { VERSION } from "../../core/version.ts";
import { certificatesIn, writeCertificate } from "../../pki/pem.ts";
import { readPrivateText } from "../../system/files/files.ts";
import { readTrustedText, refuseUntrusted } from "../../system/files/trusted-file.ts";
import { judgeProgram } from "../../system/files/trusted-path.ts";
import { post } from "../../system/net/post.ts";
import { onceWritten } from "../../system/process/once-written.ts";
import { type ProcessResult, runProcess } from "../../system/process/run-process.ts";
import { baseEnvironment } from "../../system/process/start-program.ts";
import { startableProblem } from "../../system/process/startable.ts";
import type { AddressReceiver, ProgramReceiver, Receiver } from "./receiver-file.ts";

export interface Sending {
  /** The id of the notice. */
  readonly id: string;
  /** The JSON: the same bytes at every attempt. */
  readonly body: string;
  readonly now: Date;
  /** Ends an attempt at an address. A program goes on for as long as it may. */
  readonly signal: AbortSignal;
}

/** A key that can be guessed is useless. */
const SHORTEST_KEY = 16;

/** @throws Error that says why it was not taken, and nothing about the address except its host */
export async function send(receiver: Receiver, sending: Sending): Promise<void> {
  if (receiver.kind === "address") await sendToAddress(receiver, sending);
  else await sendToProgram(receiver, sending);
}

/** What every attempt needs. @throws CtrlExecError `config` */
export function requireUsable(receiver: Receiver): void {
  if (receiver.kind === "program") {
    judgedProgram(receiver);
    return;
  }
  keyOf(receiver);
  authoritiesOf(receiver);
}

/** Its real path. @throws CtrlExecError `config` */
function judgedProgram({ program, file }: ProgramReceiver): string {
  const judged = judgeProgram(program);
  if (judged.kind === "good") return judged.real;
  throw new CtrlExecError("config", `Cannot use ${file}: ${judged.problem}`, {
    hint: judged.remedy,
  });
}

async function sendToAddress(receiver: AddressReceiver, sending: Sending): Promise<void> {
  const { id, body, now, signal } = sending;
  const { url, timeoutMs } = receiver;
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const status = await post({
    url,
    headers: {
      "Content-Type": "application/json",
      "User-Agent": `ctrl-exec/${VERSION}`,
      "Ctrl-Exec-Notice": id,
      "Ctrl-Exec-Timestamp": timestamp,
      "Ctrl-Exec-Signature": `sha256=${signatureOf(keyOf(receiver), timestamp, body)}`,
    },
    body,
    timeoutMs,
    ca: authoritiesOf(receiver),
    signal,
  }).catch((cause) => {
    throw new Error(`${url.host}: ${messageOf(cause)}`, { cause });
  });
  if (status >= 200 && status < 300) return;
  const hint = status >= 300 && status < 400 ? "; redirects are not followed" : "";
  throw new Error(`${url.host} answered ${status}${hint}`);
}

/** It also covers the time of this attempt: somebody who records one cannot send it again later. */
export function signatureOf(key: string, timestamp: string, body: string): string {
  return new Bun.CryptoHasher("sha256", key).update(`${timestamp}.${body}`).digest("hex");
}

/** @throws CtrlExecError `config` */
function keyOf({ keyFile }: AddressReceiver): string {
  refuseUntrusted(keyFile);
  const key = readPrivateText(keyFile).trim();
  if (/^[!-~]+$/.test(key) && key.length >= SHORTEST_KEY) return key;
  throw new CtrlExecError(
    "config",
    `Cannot use ${keyFile}: it does not contain one key of ${SHORTEST_KEY} or more printable characters`,
    { hint: `Make one: openssl rand -hex 32 | install -m 0600 /dev/stdin ${keyFile}` },
  );
}

/** PEM. @throws CtrlExecError `config` */
function authoritiesOf({ caFile }: AddressReceiver): string | undefined {
  if (caFile === undefined) return undefined;
  const text = readTrustedText(caFile);
  try {
    return certificatesIn(text).map(writeCertificate).join("");
  } catch (cause) {
    throw new CtrlExecError("config", `Cannot use ${caFile}: ${messageOf(cause)}`, { cause });
  }
}

async function sendToProgram(receiver: ProgramReceiver, { body }: Sending): Promise<void> {
  const result = await onceWritten(
    () => start(receiver, body),
    ({ startError }) => startError === BEING_WRITTEN,
  );
  const problem = problemOf(result, receiver);
  if (problem !== undefined) throw new Error(`${receiver.program} ${problem}`);
}

/** Judged each time, as a hook is: it runs with this host's power (T24, T62). */
async function start(receiver: ProgramReceiver, body: string): Promise<ProcessResult> {
  return await runProcess({
    file: judgedProgram(receiver),
    calledAs: receiver.program,
    args: receiver.args,
    env: baseEnvironment(),
    input: body,
    timeoutMs: receiver.timeoutMs,
    maxOutput: 0,
  });
}

function problemOf(
  { startError, timedOut, exit, signal }: ProcessResult,
  { program, timeoutMs }: ProgramReceiver,
): string | undefined {
  if (startError !== undefined) {
    const known = shortageOf(startError) ?? startableProblem(program);
    const why = known === undefined ? wordsFor(startError) : `${known.problem}; ${known.remedy}`;
    return `cannot be started: ${why}`;
  }
  if (timedOut) return `took more than ${timeoutMs / 1000} s`;
  if (exit === undefined) return `was ended by ${signal ?? "a signal"}`;
  return exit === 0 ? undefined : `ended with status ${exit}`;
}
