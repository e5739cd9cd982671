/** What one input did to a parser: too slow, too large, or an error that is not ours. */
import { CtrlExecError } from "../../src/core/errors.ts";
import type { Target } from "./target.ts";

/** Milliseconds of processor time that no input of 64 KiB may take, unless its target says otherwise. */
const MAX_MS = 50;

/** Bytes that a process may grow by over one input. */
const MAX_GROWTH = 128 * 2 ** 20;

/**
 * Undefined when there is nothing to say against it.
 * @param patience times the time that it may take, where other work slows this down
 */
export async function faultOf(
  target: Target,
  input: Buffer,
  patience = 1,
): Promise<string | undefined> {
  const maxMs = (target.maxMs ?? MAX_MS) * patience;
  const before = process.memoryUsage.rss();
  const start = performance.now();
  const error = await errorOf(target, input);
  if (error !== undefined) return error;
  if (performance.now() - start > maxMs) {
    const took = await bestTime(target, input, maxMs);
    if (took > maxMs) return `takes ${Math.round(took)} ms`;
  }
  if (process.memoryUsage.rss() - before > MAX_GROWTH) {
    const grew = await leastGrowth(target, input);
    if (grew > MAX_GROWTH) return `takes ${Math.round(grew / 2 ** 20)} MiB`;
  }
  return undefined;
}

async function errorOf(target: Target, input: Buffer): Promise<string | undefined> {
  try {
    await target.read(input);
  } catch (thrown) {
    if (!(thrown instanceof CtrlExecError)) return `throws ${Bun.inspect(thrown)}`;
    if (thrown.code === "internal") return `throws an internal error: ${thrown.message}`;
  }
  return undefined;
}

/** Of three, in processor time: another program on the machine, or a compilation, is not the input's fault. */
async function bestTime(target: Target, input: Buffer, maxMs: number): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let again = 0; again < 3 && best > maxMs; again += 1) {
    const start = process.cpuUsage();
    await errorOf(target, input);
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}

async function leastGrowth(target: Target, input: Buffer): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let again = 0; again < 3; again += 1) {
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    await errorOf(target, input);
    least = Math.min(least, process.memoryUsage.rss() - before);
  }
  return least;
}
