/**
 * The runtime starts threads while it works: to collect garbage, to compile, to warm up memory. If the system
 * refuses one, because this user or service has reached its limit of processes (RLIMIT_NPROC, TasksMax), it
 * aborts the whole program (T65). Only at its start can it be told to do without them.
 */
import { ptr } from "bun:ffi";
import { readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { within } from "../deadline.ts";
import { libc } from "../libc.ts";

/** Options of JavaScriptCore that Bun reads from its environment: the only ones that our build allows. */
export const WITHOUT_HELPERS: Readonly<Record<string, string>> = {
  BUN_JSC_useConcurrentGC: "0",
  BUN_JSC_numberOfGCMarkers: "1",
  BUN_JSC_useConcurrentJIT: "0",
  BUN_JSC_useWarmUpMarkedBlocks: "0",
};

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Starts this program again in the same process, with the same arguments, without helper threads; returns if it
 * already runs without them, or cannot. For long-running programs: it costs one more start.
 *
 * @param environment of this process
 */
export function doWithoutHelperThreads(environment: Environment): void {
  const told = Object.entries(WITHOUT_HELPERS).every(([key, value]) => environment[key] === value);
  if (told || process.platform !== "linux") return;
  const next = { ...environment, ...WITHOUT_HELPERS };
  const variables = Object.entries(next).map(([key, value]) => `${key}=${value}`);
  const args = readFileSync("/proc/self/cmdline").toString("latin1").split("\0").slice(0, -1);
  execute(
    process.execPath,
    args.map((arg) => Buffer.from(`${arg}\0`, "latin1")),
    variables.map((variable) => Buffer.from(`${variable}\0`, "utf8")),
  );
}

/** execve(2); returns only when it fails. */
function execute(file: string, args: readonly Buffer[], variables: readonly Buffer[]): void {
  const table = (texts: readonly Buffer[]) =>
    new BigUint64Array([...texts.map((text) => BigInt(ptr(text))), 0n]);
  libc().execve(Buffer.from(`${file}\0`), table(args), table(variables));
}

/** Threads start within milliseconds, or never. */
const WORKERS_START_MS = 5_000;

/**
 * Makes the runtime start the threads that read files and look up names. Those stay. If the first of them
 * cannot be started, the runtime would wait for it for ever.
 *
 * @throws Error with the code EAGAIN
 */
export async function startWorkerThreads(): Promise<void> {
  await within(WORKERS_START_MS, stat("/"), () => {
    throw Object.assign(new Error("no thread was started"), { code: "EAGAIN" });
  });
}
