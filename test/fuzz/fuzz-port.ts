/**
 * Rounds of inputs against a listening port, some at once. The program has to go on, to answer an honest
 * peer at the same time, and to take little processor time and memory.
 */
import { readFileSync } from "node:fs";
import type { Budget, Fault } from "./fuzz.ts";
import { inputOf } from "./inputs.ts";
import type { Port } from "./ports.ts";
import { randomOf } from "./random.ts";

/** Inputs at once. */
const WIDTH = 8;

/** How long an input is left to be answered; most are never whole. */
const LINGER_MS = 100;

/** Milliseconds of processor time for an input, with the handshake before it. */
const MAX_MS = 75;

/** What an honest peer waits at most, on a machine that does much else. */
const HONEST_MS = 10_000;

/** Bytes that the program may hold at most. */
const MAX_HELD = 512 * 2 ** 20;

/** Stops at the first fault. */
export async function fuzzPort(
  port: Port,
  { seed, maxRounds, maxMs, patience }: Budget,
): Promise<{ readonly rounds: number; readonly fault: Fault | undefined }> {
  const seeds = port.seeds.map((one) =>
    typeof one === "string" ? Buffer.from(one, "latin1") : one,
  );
  const end = performance.now() + maxMs;
  let round = 0;
  for (; round < maxRounds && performance.now() < end; round += WIDTH) {
    const inputs = Array.from({ length: WIDTH }, (_, index) =>
      inputOf(randomOf(seed, port.name, round + index), seeds, port.pieces),
    );
    const what = await faultOf(port, inputs, patience);
    if (what === undefined) continue;
    const found = `rounds ${round} to ${round + WIDTH - 1} of FUZZ_SEED=${seed}`;
    return {
      rounds: round + WIDTH,
      fault: { target: port.name, found, what, input: Buffer.concat(inputs) },
    };
  }
  return { rounds: round, fault: undefined };
}

async function faultOf(
  port: Port,
  inputs: readonly Buffer[],
  patience: number,
): Promise<string | undefined> {
  const { program } = port;
  const before = processorTime(program.child.pid);
  const sent = Promise.all(inputs.map((input) => send(port, input)));
  const honest = await isServed(port);
  await sent;
  const after = await isServed(port);
  const problem = honest ?? after;
  if (program.child.exitCode !== null || program.child.signalCode !== null)
    return "ended the program";
  if (problem !== undefined) return `an honest peer is not served: ${problem}`;
  if (/Internal error|ACTION=internal/.test(program.err)) return "an internal error";
  const took = (processorTime(program.child.pid) - before) / inputs.length;
  if (took > MAX_MS * patience) return `takes ${Math.round(took)} ms each`;
  const held = mostHeld(program.child.pid);
  return held > MAX_HELD ? `holds ${Math.round(held / 2 ** 20)} MiB` : undefined;
}

/** Why an honest peer was not answered; undefined when it was. */
async function isServed(port: Port): Promise<string | undefined> {
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve(`no answer in ${HONEST_MS} ms`), HONEST_MS);
  try {
    return await Promise.race([port.askHonestly().then(() => undefined), late.promise]);
  } catch (thrown) {
    return String(thrown);
  } finally {
    clearTimeout(timer);
  }
}

/** Until the other side hangs up, or has had its time. */
async function send(port: Port, input: Buffer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = port.open();
  socket.on("error", () => resolve());
  socket.on("close", () => resolve());
  socket.resume();
  for (const piece of piecesOf(input)) socket.write(piece);
  socket.write("", () => setTimeout(resolve, LINGER_MS));
  const deadline = setTimeout(resolve, 20 * LINGER_MS);
  await promise;
  clearTimeout(deadline);
  socket.destroy();
}

/** In three pieces; what is short in many, each a packet or a TLS record of its own. */
function piecesOf(input: Buffer): Buffer[] {
  const size = input.length < 1000 ? 7 : Math.ceil(input.length / 3);
  const pieces: Buffer[] = [];
  for (let at = 0; at < input.length; at += size) pieces.push(input.subarray(at, at + size));
  return pieces;
}

/** Milliseconds so far, of 10 each. */
function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function mostHeld(pid: number): number {
  const [, kibibytes = "0"] =
    /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) * 1024;
}
