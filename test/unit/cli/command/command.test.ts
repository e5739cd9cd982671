import { describe, expect, test } from "bun:test";
import {
  type AnyVerb,
  defineVerb,
  type Program,
  runVerb,
  splitCommandLine,
  unknownMode,
  type VerbInput,
} from "../../../../src/cli/command/command.ts";
import { KeptIo } from "../../../support/kept-io.ts";

const options = {
  config: { type: "string", valueHint: "path", description: "c" },
  token: { type: "string", valueHint: "token", description: "t" },
  "agent-port": { type: "string", valueHint: "n", description: "p" },
  json: { type: "boolean", description: "j" },
  live: { type: "boolean", description: "l" },
  "no-live": { type: "boolean", description: "n" },
  "secret-child": { type: "boolean", description: "s", hidden: true },
} as const;

const program: Program = {
  name: "ctrl-exec",
  summary: "s",
  options,
  verbs: {
    run: { summary: "r", takesScriptArgs: true, load: async () => verb },
    ping: { summary: "p", load: async () => verb },
  },
};

type Seen = Pick<VerbInput<typeof options>, "options" | "positionals" | "scriptArgs">;
let seen: Seen | undefined;

const verb = defineVerb({
  positionals: "<host>... <script> [-- <arg>...]",
  arity: [2, 3],
  options,
  details: "d",
  examples: [],
  async run({ options: parsed, positionals, scriptArgs }) {
    seen = { options: { ...parsed }, positionals, scriptArgs };
    return 7;
  },
});

const split = (...args: readonly string[]) => splitCommandLine(program, args);

function refusal(...args: readonly string[]): unknown {
  try {
    return split(...args);
  } catch (thrown) {
    return thrown;
  }
}

async function run(args: readonly string[], of: AnyVerb = verb): Promise<unknown> {
  seen = undefined;
  const line = split(...args);
  return await runVerb(program, line.mode ?? "", of, line, new KeptIo().io).catch(
    (thrown: unknown) => thrown,
  );
}

describe("options stand anywhere before --", () => {
  test.each([
    [["--config", "/c", "--json", "run", "h", "s"]],
    [["run", "--config", "/c", "h", "--json", "s"]],
    [["run", "h", "s", "--json", "--config", "/c"]],
    [["run", "h", "s", "--json", "--config=/c"]],
  ])("%p", (args) => {
    const line = split(...args);
    expect(line.mode).toBe("run");
    expect(line.positionals).toEqual(["h", "s"]);
    expect(line.given.map(({ name, value }) => [name, value]).sort()).toEqual([
      ["config", "/c"],
      ["json", true],
    ]);
    expect(line.scriptArgs).toBeUndefined();
  });

  test("a value before the mode is not taken for the mode", () => {
    expect(split("--token", "ping", "run", "h", "s")).toMatchObject({
      mode: "run",
      given: [{ name: "token", value: "ping" }],
    });
  });

  test.each([
    ["with a dash", ["--token", "-x"], "-x"],
    ["that looks like an option", ["--token", "--json"], "--json"],
    ["that is empty", ["--token", ""], ""],
    ["empty behind =", ["--token="], ""],
    ["with = in it", ["--token=a=b=="], "a=b=="],
    ["with a newline", ["--token=a\nb"], "a\nb"],
    ["that says true", ["--token=true"], "true"],
  ])("a value %s", (_, args, value) => {
    expect(split("run", ...args).given).toMatchObject([{ name: "token", value }]);
  });
});

describe("everything after -- is the script's", () => {
  test.each([
    [[]],
    [["--help"]],
    [["-h"]],
    [["--version"]],
    [["--json", "--config", "x", "--no-such"]],
    [["--", "--", ""]],
  ])("%p", (args) => {
    expect(split("run", "h", "s", "--", ...args)).toMatchObject({
      mode: "run",
      positionals: ["h", "s"],
      given: [],
      help: false,
      version: false,
      scriptArgs: args,
    });
  });

  test("-- is never a value", () => {
    expect(refusal("run", "h", "s", "--token", "--", "x")).toMatchObject({
      code: "usage",
      message: "--token needs a value <token>",
    });
  });
});

describe("help and version", () => {
  test.each([
    [["--help"], undefined],
    [["-h"], undefined],
    [["run", "--help"], "run"],
    [["--help", "run"], "run"],
    [["run", "h", "-h", "s"], "run"],
  ])("%p", (args, mode) => {
    expect(split(...args)).toMatchObject({ help: true, mode });
  });
  test("--version and -V", () => {
    expect(split("--version").version).toBe(true);
    expect(split("-V").version).toBe(true);
  });
});

describe("a usage error", () => {
  test.each([
    [["--jsn"], "Unknown option --jsn; did you mean --json?"],
    [["--tokn=SECRET"], "Unknown option --tokn; did you mean --token?"],
    [["--frobnicate"], "Unknown option --frobnicate"],
    [["-x"], "Unknown option -x"],
    [["-json"], "Unknown option -json; did you mean --json?"],
    [["---json"], "Unknown option ---json; did you mean --json?"],
    [["--no-json"], "Unknown option --no-json"],
    [["--agentPort", "1"], "Unknown option --agentPort; did you mean --agent-port?"],
    [["--constructor"], "Unknown option --constructor"],
    [["--__proto__=x"], "Unknown option --__proto__"],
    [["--secret-chil"], "Unknown option --secret-chil"],
    [["--json=true"], "--json takes no value"],
    [["--json="], "--json takes no value"],
    [["--config"], "--config needs a value <path>"],
    [["--json", "--json"], "--json is given more than once"],
  ])("%p", (args, message) => {
    expect(refusal(...args)).toMatchObject({
      code: "usage",
      message,
      hint: "See: ctrl-exec --help",
    });
  });

  test("within a mode points to the help of that mode", () => {
    expect(refusal("--token", "a", "run", "--token=b")).toMatchObject({
      message: "--token is given more than once",
      hint: "See: ctrl-exec run --help",
    });
    expect(refusal("--nope", "--", "run")).toMatchObject({ hint: "See: ctrl-exec --help" });
  });

  test.each([
    ["rnu", 'Unknown mode "rnu"; did you mean run?'],
    ["constructor", 'Unknown mode "constructor"'],
    ["", 'Unknown mode ""'],
  ])("the mode %j", (mode, message) => {
    expect(unknownMode(program, mode)).toMatchObject({ code: "usage", message });
  });
});

describe("a verb", () => {
  test("an option that begins with no- is itself, not the opposite of another", async () => {
    await run(["run", "h", "s", "--no-live"]);
    expect(seen?.options).toMatchObject({ live: false, "no-live": true });
    await run(["run", "h", "s", "--live"]);
    expect(seen?.options).toMatchObject({ live: true, "no-live": false });
  });

  test("gets its options, and its status comes back", async () => {
    expect(
      await run(["run", "h", "s", "--token", "t", "--agent-port=1", "--", "a", "--json"]),
    ).toBe(7);
    expect(seen).toMatchObject({
      options: { token: "t", "agent-port": "1", json: false },
      positionals: ["h", "s"],
      scriptArgs: ["a", "--json"],
    });
    expect(seen?.options.config).toBeUndefined();
  });

  test.each(["", "-x", "--json", "a=b", "a\nb", "true", "false", "--", "=", "Zoë"])(
    "gets the value %j as it was typed",
    async (value) => {
      expect(await run(["run", "h", "s", `--token=${value}`, "--json"])).toBe(7);
      expect(seen?.options).toMatchObject({ token: value, json: true });
    },
  );

  const narrow: AnyVerb = {
    ...verb,
    arity: [1, 1],
    options: { config: options.config },
    positionals: "<reqid>",
  };
  test.each([
    [["ping", "a", "--json"], "ctrl-exec ping does not take --json"],
    [["ping", "a", "--", "b"], "ctrl-exec ping takes nothing after --"],
    [["ping", "a", "--"], "ctrl-exec ping takes nothing after --"],
    [["ping"], "ping needs <reqid>"],
    [["ping", "a", "b"], 'unexpected argument "b": ping takes <reqid>'],
  ])("that is narrower refuses %p before it runs", async (args, message) => {
    expect(await run(args, narrow)).toMatchObject({
      code: "usage",
      message,
      hint: "See: ctrl-exec ping --help",
    });
    expect(seen).toBeUndefined();
  });
});

test("a program with one verb needs no mode, and shows none", async () => {
  const single: Program = { ...program, name: "ctrl-exec-api", defaultVerb: "run" };
  const line = splitCommandLine(single, ["--config", "/c", "extra"]);
  expect(line).toMatchObject({ mode: "run", positionals: ["extra"] });
  const narrow: AnyVerb = { ...verb, arity: [0, 0] };
  await expect(runVerb(single, "run", narrow, line, new KeptIo().io)).rejects.toMatchObject({
    message: expect.stringMatching(/^unexpected argument "extra": ctrl-exec-api takes /),
    hint: "See: ctrl-exec-api --help",
  });
});
