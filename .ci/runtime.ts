/**
 * The Bun runtime as the product carries it: deaf to the variables by which Bun is told to run other code.
 *
 * BUN_OPTIONS=--preload, BUN_BE_BUN and BUN_INSPECT make any compiled binary run foreign code, and
 * BUN_BYTECODE_ORDER_OUT makes it write a file, with the rights that sudo, cron or a unit gave it (T03,
 * T62). No option of `bun build` turns them off. So the names by which the runtime asks for its
 * variables are blanked: their first byte becomes NUL, which no variable's name can begin with. That
 * costs nothing at start, and holds however the binary is started.
 *
 * BUN_JSC_<option> sets an option of JavaScriptCore, and some replace a function's code or write files. Their
 * names begin with JSC_ in the runtime, and what follows is what it compares. There the first letter
 * becomes "=", which ends a variable's name, in all but the few that src/system/process/helper-threads.ts sets.
 *
 * On Linux it also raises its limit of open files as far as it may, before any of our code runs, and so every
 * script would inherit the raised one: what it was started with is lost. Its setrlimit(2) becomes getrlimit(2),
 * which takes the same arguments and changes nothing. src/system/process/descriptors.ts raises the limit where it is
 * wanted.
 *
 *   bun .ci/runtime.ts <out>      writes the pinned Bun so changed, for --compile-executable-path
 */
import { readFileSync, writeFileSync } from "node:fs";
import { WITHOUT_HELPERS } from "../src/system/process/helper-threads.ts";

/** What runs code or writes files when it is set. Each must be found, once, or nothing is built. */
const DANGEROUS = [
  "BUN_OPTIONS",
  "BUN_BE_BUN",
  "BUN_INSPECT",
  "BUN_INSPECT_CONNECT_TO",
  "BUN_INSPECT_PRELOAD",
  "BUN_BYTECODE_DIGEST_OUT",
  "BUN_BYTECODE_ORDER_OUT",
  "BUN_BYTECODE_ORDER_NAMES_OUT",
  "BUN_RUNTIME_TRANSPILER_CACHE_PATH",
  "BUN_CRASH_REPORT_URL",
  "NODE_CHANNEL_FD",
  "NODE_CHANNEL_SERIALIZATION_MODE",
  "JSC_configFile",
  "JSC_diskCachePath",
  "JSC_dumpJITMemoryPath",
  "JSC_functionOverrides",
  "JSC_jitDumpDirectory",
  "JSC_samplingProfilerPath",
  "JSC_textMarkersDirectory",
  "JSC_useDollarVM",
];

const OPTION_PREFIX = "JSC_";

/** The options that the program sets itself: threads, and nothing else. */
const KEPT = Object.keys(WITHOUT_HELPERS).map((name) => name.replace("BUN_", ""));

const PREFIXES = ["BUN_", "NODE_CHANNEL_", OPTION_PREFIX];

interface Found {
  readonly name: string;
  readonly index: number;
}

/** Where names that begin so stand as C keeps them: each on its own between two NULs. */
function* namesWith(beginning: string, bytes: Buffer): Generator<Found> {
  const start = `\0${beginning}`;
  for (let at = bytes.indexOf(start); at >= 0; at = bytes.indexOf(start, at + 1)) {
    const name = bytes.toString("latin1", at + 1, bytes.indexOf(0, at + 1));
    if (/^\w*$/.test(name)) yield { name, index: at + 1 };
  }
}

/**
 * The same executable with the name of every variable and option blanked that is not kept. Only one byte of
 * each goes, since the tail of one string may be another one.
 * @throws Error when this Bun keeps its names in another way than was looked at
 */
export function withoutVariables(runtime: Uint8Array): Buffer {
  const bytes = Buffer.from(runtime);
  const found = PREFIXES.flatMap((prefix) =>
    [...namesWith(prefix, bytes)].filter(({ name }) => name !== prefix),
  );
  for (const name of [...DANGEROUS, ...KEPT]) {
    const times = found.filter((one) => one.name === name).length;
    if (times === 1) continue;
    throw new Error(
      `Cannot blank ${name} in Bun ${Bun.version}: found ${times} times, expected once. Look at how ` +
        "this version reads its variables, and correct .ci/runtime.ts.",
    );
  }
  for (const { index, name } of found) {
    if (KEPT.includes(name)) continue;
    if (name.startsWith(OPTION_PREFIX)) bytes.write("=", index + OPTION_PREFIX.length);
    else bytes[index] = 0;
  }
  return bytes;
}

const ELF = Buffer.from("\x7fELF", "latin1");
/**
 * Changes an executable so that it leaves its limit of open files as it is.
 * @throws Error when this Bun raises it in another way than was looked at
 */
function leaveLimit(bytes: Buffer): void {
  if (!bytes.subarray(0, ELF.length).equals(ELF)) return;
  const found = [...namesWith("setrlimit", bytes)].filter(({ name }) => name === "setrlimit");
  if (found.length === 0) {
    throw new Error(
      `Cannot keep Bun ${Bun.version} from raising its limit of open files: it does not import setrlimit. ` +
        "Look at how this version raises it, and correct .ci/runtime.ts.",
    );
  }
  for (const { index } of found) bytes.write("g", index);
}

/** The runtime as the product carries it. @throws Error as above */
export function carriedRuntime(runtime: Uint8Array): Uint8Array {
  const bytes = withoutVariables(runtime);
  leaveLimit(bytes);
  return bytes;
}

if (import.meta.main) {
  const [out = ""] = process.argv.slice(2);
  writeFileSync(out, carriedRuntime(readFileSync(process.execPath)), { mode: 0o755 });
}
