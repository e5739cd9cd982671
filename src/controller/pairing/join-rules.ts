/**
 * The rules of join.d, beside ctrl-exec.conf: what a join token may become. They are judged when a token is made, and at each
 * join again, for they may have changed in between. Without a file there is no rule, and tokens bound themselves.
 */
import { existsSync, lstatSync } from "node:fs";
import { dirname, join } from "node:path";
import { type FolderProblem, strayProblems, tomlFiles } from "../../core/config/config-folder.ts";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { asCtrlExecError, CtrlExecError } from "../../core/errors.ts";
import {
  hostProblem,
  type JoinRule,
  type TokenBounds,
  tokenProblem,
} from "../../core/join-rule.ts";
import { AddressList, parseAddressPrefix, prefixesMeet } from "../../core/net/address-list.ts";
import { fileVersion } from "../../system/files/file-version.ts";
import { listFolder } from "../../system/files/files.ts";
import { readTrustedText, refuseUntrusted } from "../../system/files/trusted-file.ts";
import { readJoinRule } from "./join-rule-file.ts";

const MAX_FILES = 100;
/** It is written into the log. */
const NAME = /^([A-Za-z0-9][A-Za-z0-9_-]{0,63})\.toml$/;

/** Rules that a message names. */
const MOST_NAMED = 5;

interface ReadRule extends JoinRule {
  readonly addresses: AddressList | undefined;
}

/** Which rules allow something, or why none does. */
export type Ruling =
  /** There are no rules. */
  | { readonly kind: "free" }
  | { readonly kind: "allowed"; readonly rules: readonly JoinRule[] }
  | { readonly kind: "refused"; readonly why: string };

/** Cached by configuration, failures too: files are read when they have changed, not for each of many joins. */
const read = new WeakMap<ControllerConfig, { version: string; rules: Rules | CtrlExecError }>();

type Rules = readonly ReadRule[];

/**
 * Which rules may let a host join with such a token.
 * @throws CtrlExecError `config` that names the file that cannot be used: then no token is made
 */
export async function rulesForToken(
  config: ControllerConfig,
  { from, ...token }: TokenBounds & { readonly from?: readonly string[] | undefined },
): Promise<Ruling> {
  return await ruling(config, async (rule) => {
    return tokenProblem(rule, await meets(rule, from), token);
  });
}

/**
 * Which rules let this host join with the token.
 * @throws CtrlExecError `config` that names the file that cannot be used: then no host joins
 */
export async function rulesForHost(
  config: ControllerConfig,
  { hostname, ip }: { readonly hostname: string; readonly ip: string },
  token: TokenBounds,
): Promise<Ruling> {
  return await ruling(config, async (rule) => {
    return hostProblem(rule, hostname, rule.addresses?.has(ip) ?? true, token);
  });
}

/** For whoever starts the API or reloads it, and for doctor. */
export async function joinRuleProblems(config: ControllerConfig): Promise<FolderProblem[]> {
  const path = joinRuleFolder(config);
  try {
    await readRules(config);
    const strays = strayProblems(path, listFolder(path));
    return strays.map((problem) => ({ folder: "join.d", problem }));
  } catch (problem) {
    return [{ folder: "join.d", problem }];
  }
}

export function joinRuleFolder({ file }: ControllerConfig): string {
  return join(dirname(file), "join.d");
}

async function ruling(
  config: ControllerConfig,
  judge: (rule: ReadRule) => Promise<string | undefined>,
): Promise<Ruling> {
  const rules = await readRules(config);
  if (rules.length === 0) return { kind: "free" };
  const judged = await Promise.all(
    rules.map(async (rule) => ({ rule, problem: await judge(rule) })),
  );
  const allowed = judged.flatMap(({ rule, problem }) => (problem === undefined ? [rule] : []));
  if (allowed.length > 0) return { kind: "allowed", rules: allowed };
  const reasons = judged
    .slice(0, MOST_NAMED)
    .map(({ rule, problem }) => `${rule.rule}: ${problem}`);
  const more = judged.length > MOST_NAMED ? [`and ${judged.length - MOST_NAMED} more`] : [];
  return { kind: "refused", why: [...reasons, ...more].join("; ") };
}

async function meets({ networks }: JoinRule, from: readonly string[] | undefined) {
  if (networks === undefined || from === undefined) return true;
  for (const one of from.flatMap((text) => parseAddressPrefix(text) ?? [])) {
    for (const other of networks) if (await prefixesMeet(one, other)) return true;
  }
  return false;
}

/** None when there is no such folder, or no file in it. @throws CtrlExecError `config` that names the file or folder */
async function readRules(config: ControllerConfig): Promise<Rules> {
  const folder = joinRuleFolder(config);
  refuseUntrusted(folder);
  const all = listFolder(folder);
  if (all.length === 0 && isDeadLink(folder)) {
    // Whoever made it meant rules, which are on a disk that is not mounted, for one.
    throw new CtrlExecError("config", `Cannot read ${folder}: it is a link to nothing`, {
      hint: "Put back the folder that it leads to. If there are to be no rules, remove the link.",
    });
  }
  const visible = all.filter((name) => !name.startsWith("."));
  const names = tomlFiles(visible);
  if (names.length === 0 && visible.length > 0) {
    // Whoever wrote web.conf meant it to bound what may join.
    throw new CtrlExecError("config", `Cannot use ${folder}: no file in it ends in .toml`, {
      hint: "Name a rule after the hosts for which it is: web.toml. Without a file there is no rule.",
    });
  }
  if (names.length > MAX_FILES) {
    throw new CtrlExecError("config", `Cannot use ${folder}: more than ${MAX_FILES} files`, {
      hint: "One rule may have many names and networks.",
    });
  }
  const files = names.map((name) => join(folder, name));
  const version = files.map((file) => `${file} ${fileVersion(file)}`).join("\n");
  const before = read.get(config);
  const rules =
    before?.version === version
      ? before.rules
      : await readAll(folder, names).catch(asCtrlExecError);
  read.set(config, { version, rules });
  if (rules instanceof CtrlExecError) throw rules;
  return rules;
}

function isDeadLink(path: string): boolean {
  const leadsOn = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return leadsOn && !existsSync(path);
}

async function readAll(folder: string, names: readonly string[]): Promise<Rules> {
  const rules: ReadRule[] = [];
  for (const each of names) {
    const file = join(folder, each);
    const [, name] = NAME.exec(each) ?? [];
    if (name === undefined) {
      throw new CtrlExecError(
        "config",
        `Cannot use ${file}: its name has other characters than letters, digits, - and _, or is too long`,
        { hint: "Name it after the hosts for which it is: web.toml" },
      );
    }
    const rule = await readJoinRule(name, file, readTrustedText(file));
    const addresses = rule.networks === undefined ? undefined : await AddressList.of(rule.networks);
    rules.push({ ...rule, addresses });
  }
  return rules;
}
