import {
  type CreatedToken,
  createToken,
  type ListedToken,
  listTokens,
  revokeToken,
  shownCreated,
  shownToken,
} from "../../controller/pairing/join-tokens.ts";
import { type ControllerConfig, pairingPortOption } from "../../core/config/controller-config.ts";
import { DURATION_FORMS, typedSeconds } from "../../core/duration.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { MAX_TOKEN_USES } from "../../core/join-token.ts";
import { readTagChanges, tagText } from "../../core/tags.ts";
import { screenLine } from "../../core/text.ts";
import { isoMinutes } from "../../core/time.ts";
import { defineVerb, type VerbInput } from "../command/command.ts";
import type { Io } from "../command/io.ts";
import { numberOption } from "../command/numbers.ts";
import { showError } from "../render/error.ts";
import { writeJson } from "../render/json.ts";
import { tableFor } from "../render/table.ts";
import { wrapped } from "../render/wrapped.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { openController } from "./setting.ts";

/** Of a screen that is not wide. */
const COLUMNS = 80;

const createOptions = {
  ttl: controllerOptions.ttl,
  uses: controllerOptions.uses,
  name: controllerOptions.name,
  tag: controllerOptions.tag,
  from: controllerOptions.from,
  replace: controllerOptions.replace,
} as const;

const options = { ...createOptions, json: controllerOptions.json, ...commonOptions } as const;

type TokenInput = VerbInput<typeof options>;

export const joinToken = defineVerb({
  positionals: "create | list | revoke <id>",
  arity: [1, 2],
  options,
  details: [
    "create prints a token with which hosts join without an operator: new hosts of a",
    "golden image, an autoscaling group, cloud-init. Anyone who has it can join as",
    "any host for which it is valid, so bound it by time, uses, names and networks.",
    "It is shown once; this host keeps only what it needs to check it.",
    "Rules in the folder join.d beside ctrl-exec.conf bound all tokens: where there",
    "is one, a token or a host that no rule allows is refused.",
    "",
    "The new host runs ctrl-exec-agent join while pairing-mode runs here, or at any",
    "time where join = on keeps the port open. A name that is registered already is",
    "refused, unless that host itself joins again with its present key, or the token",
    "was made with --replace.",
    "",
    "list shows every token, without secrets, and how often it was used. After revoke",
    "no further host joins with it; those that have stay.",
  ].join("\n"),
  examples: [
    "ctrl-exec token create",
    "ctrl-exec token create --ttl 30m --uses 20 --name 'web-*' --tag role=web",
    "ctrl-exec token create --from 10.0.0.0/8 --json",
    "ctrl-exec token list",
    "ctrl-exec token revoke a1b2c3d4e5f60718",
  ],
  async run(input) {
    const [word, id, ...more] = input.positionals;
    if (word === "create" && id === undefined) return await create(input);
    const stray = Object.keys(createOptions).find((name) => isGiven(input, name));
    if (stray !== undefined) {
      throw new CtrlExecError("usage", `--${stray} goes with token create`);
    }
    if (word === "list" && id === undefined) return await list(input);
    if (word === "revoke" && id !== undefined && more.length === 0) return await revoke(input, id);
    throw new CtrlExecError("usage", "token needs create, list or revoke <id>", {
      hint: "See: ctrl-exec token --help",
    });
  },
});

function isGiven({ options: given }: TokenInput, name: string): boolean {
  const value = given[name as keyof typeof given];
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
}

async function create({ options: given, io }: TokenInput): Promise<number> {
  const seconds = typedSeconds(given.ttl ?? "1h");
  if (seconds === undefined) {
    throw new CtrlExecError(
      "usage",
      `--ttl takes seconds, or a time such as ${DURATION_FORMS}, not "${given.ttl}"`,
    );
  }
  const { set: tags, remove } = readTagChanges(given.tag);
  if (remove.length > 0) {
    throw new CtrlExecError("usage", `--tag takes key=value, not "${remove[0]}-"`);
  }
  const uses = given.uses === undefined ? 1 : numberOption("uses", given.uses, 1, MAX_TOKEN_USES);
  const { name, replace } = given;
  const from = given.from?.split(",").map((network) => network.trim());
  const controller = await openController(given);
  const created = await createToken(controller, { seconds, uses, name, tags, from, replace });
  if (given.json) writeJson(io, { token: created.text, ...shownCreated(created) });
  else show(io, controller.config, created);
  return 0;
}

/** Only the token is on stdout, for a pipe. */
function show(io: Io, config: ControllerConfig, { text, token, rules }: CreatedToken): void {
  io.out(`${text}\n`);
  const port = pairingPortOption(config);
  const hosts = token.uses === 1 ? "One host may join" : `${token.uses} hosts may join`;
  io.err(
    [
      screenLine`Token ${token.id}, not shown again.`,
      screenLine`${hosts} with it until ${token.expires}.`,
      ...wrapped(
        rules === undefined ? "" : `Rules of join.d that allow it: ${rules.join(", ")}.`,
        COLUMNS,
      ),
      "Put it into a file on the new host that root alone can read. To install the",
      "agent there:",
      `  ./install.sh --agent --pair <this host>${port} --join-token-file <file>`,
      "Where it is installed:",
      `  ctrl-exec-agent join --ctrl-exec <this host>${port} --token-file <file>`,
      "",
    ].join("\n"),
  );
}

async function list({ options: given, io }: TokenInput): Promise<number> {
  const { tokens, broken } = await listTokens(await openController(given));
  if (given.json) {
    writeJson(
      io,
      tokens.map(({ token, used, state }) => ({ ...shownToken(token), used, state })),
    );
  } else {
    io.out(tableFor(io, ["ID", "STATE", "USED", "EXPIRES", "FOR"], tokens.map(row)));
    if (tokens.length + broken.length === 0) io.err("There are no join tokens.\n");
  }
  for (const { problem } of broken) showError(io, "ctrl-exec", problem, false);
  return broken.length === 0 ? 0 : 1;
}

function row({ token, used, state }: ListedToken): string[] {
  const { id, uses, expires, name, from, tags = {}, replace } = token;
  const bounds = [
    ...(name === undefined ? [] : [name]),
    ...(from === undefined ? [] : [`from ${from.join(",")}`]),
    ...Object.entries(tags).map(([key, value]) => `${key}=${tagText(value)}`),
    ...(replace === true ? ["replace"] : []),
  ];
  return [id, state, `${used}/${uses}`, isoMinutes(new Date(expires)), bounds.join(" ")];
}

async function revoke({ options: given, io }: TokenInput, id: string): Promise<number> {
  const token = await revokeToken(await openController(given), id);
  if (given.json) writeJson(io, shownToken(token));
  else io.out(screenLine`Revoked ${token.id}. Hosts that have joined with it stay.\n`);
  return 0;
}
