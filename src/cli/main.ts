/** Takes any program from its command line to its exit status. */
import { asCtrlExecError, CtrlExecError, ERROR_FACTS } from "../core/errors.ts";
import { versionText } from "../core/version.ts";
import { end } from "../system/ending.ts";
import { takeOwnLimits } from "../system/process/own-limits.ts";
import { takeSignals } from "../system/process/own-signals.ts";
import { type Program, runVerb, splitCommandLine, unknownMode } from "./command/command.ts";
import { type Io, OutputClosed, OutputLost, openIo } from "./command/io.ts";
import { rightsAreLent } from "./command/lent-rights.ts";
import { afterSignal, type Ending, outliveHangUps } from "./command/stop-signals.ts";
import { showError } from "./render/error.ts";

type ProgramName = "ctrl-exec" | "ctrl-exec-agent" | "ctrl-exec-api" | "update-ctrl-exec-serial";

/** The one that has no command line. */
type ShimName = "ctrl-exec-shim";

/** SIGPIPE's status, as a shell reports it: the reader of the output went away. */
const EXIT_OUTPUT_CLOSED = 141;

export async function main(name: ProgramName | ShimName, args: readonly string[]): Promise<Ending> {
  if (name === "ctrl-exec-shim") return await (await import("./shim.ts")).shim();
  const io = openIo();
  try {
    const ending = await runProgram(await loadProgram(name), args, io);
    if (typeof ending === "number") await written(io);
    // A terminal that is gone accepts no output.
    else await written(io).catch(() => undefined);
    return ending;
  } catch (thrown) {
    return await fail(io, name, await orElsewhere(thrown, name, args), asksForJson(args));
  }
}

/** What is a slip for one program may be a mode of another. */
async function orElsewhere(
  thrown: unknown,
  name: ProgramName,
  args: readonly string[],
): Promise<unknown> {
  if (!(thrown instanceof CtrlExecError) || thrown.code !== "usage") return thrown;
  const { modeElsewhere } = await import("./other-programs.ts");
  return modeElsewhere(name, args) ?? thrown;
}

/** How long a program that was told to end waits for the readers of its output. */
const READERS_MS = 1_000;

async function written(io: Io): Promise<void> {
  await end();
  await Promise.race([io.flush(), afterSignal(READERS_MS)]);
}

/** The command line itself may be wrong, so this reads it without the option table. */
function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  const own = args.slice(0, end < 0 ? args.length : end);
  return own.includes("--json") || own.includes("--json-stream");
}

async function fail(io: Io, name: ProgramName, thrown: unknown, json: boolean): Promise<number> {
  if (thrown instanceof OutputClosed) return EXIT_OUTPUT_CLOSED;
  const error = asCtrlExecError(thrown);
  showError(io, name, error, json && !(error instanceof OutputLost));
  await written(io).catch(() => undefined);
  return ERROR_FACTS[error.code].exit;
}

async function loadProgram(name: ProgramName): Promise<Program> {
  switch (name) {
    case "ctrl-exec":
      return (await import("./controller/program.ts")).controllerProgram;
    case "ctrl-exec-agent":
      // `kill -HUP $(pidof ctrl-exec-agent)` is meant for the serving agent; it must not end other modes.
      outliveHangUps();
      return (await import("./agent/program.ts")).agentProgram;
    case "ctrl-exec-api":
      return (await import("./api/program.ts")).apiProgram;
    case "update-ctrl-exec-serial":
      return (await import("./update-serial.ts")).updateSerialProgram;
  }
}

async function runProgram(program: Program, args: readonly string[], io: Io): Promise<Ending> {
  const line = splitCommandLine(program, args);
  if (line.version) {
    io.out(`${program.name} ${versionText()}\n`);
    return 0;
  }
  if (line.mode === undefined) {
    const { programHelp } = await import("./render/help.ts");
    if (line.help) {
      io.out(programHelp(program));
      return 0;
    }
    io.err(programHelp(program));
    throw new CtrlExecError("usage", "no mode given");
  }
  const entry = Object.hasOwn(program.verbs, line.mode) ? program.verbs[line.mode] : undefined;
  if (entry === undefined) throw unknownMode(program, line.mode);
  if (entry.runsLong && !line.help) {
    // Before its verb is loaded: otherwise that would be done twice.
    const { requireDescriptors } = await import("../system/process/descriptors.ts");
    const { doWithoutHelperThreads } = await import("../system/process/helper-threads.ts");
    requireDescriptors();
    doWithoutHelperThreads(io.env);
  }
  const verb = await entry.load();
  if (line.help) {
    const { verbHelp } = await import("./render/help.ts");
    io.out(verbHelp(program, line.mode, verb));
    return 0;
  }
  takeSignals();
  if (rightsAreLent()) takeOwnLimits();
  return await runVerb(program, line.mode, verb, line, io);
}
