/**
 * The house's import rule, held by machine: `cli`, `api` -> `controller`, `agent` -> `pki`,
 * `system` -> `core`. Each ban carries its reason, which is what a person sees when it fails.
 */
import { describe, expect, test } from "bun:test";
import { isBuiltin } from "node:module";
import { posix } from "node:path";
import manifest from "../../package.json";
import { importsOf, readSources, type Sources, transpiler } from "./sources.ts";

const ROOMS = ["cli", "api", "controller", "agent", "hub", "pki", "system", "core"] as const;
type Room = (typeof ROOMS)[number];
/** `main` and `multicall` are the two files that stand at the top of src. */
type Place = Room | "main" | "multicall";

const BELOW_THE_FACES: readonly Place[] = ["controller", "agent", "hub", "pki", "system", "core"];
const EVERYWHERE: readonly Place[] = ["main", "multicall", ...ROOMS];
const except = (...places: Place[]): readonly Place[] =>
  EVERYWHERE.filter((place) => !places.includes(place));

/** Imports between our own places. Whatever is not listed here is allowed. */
const ROOM_BANS: readonly { from: readonly Place[]; to: readonly Place[]; why: string }[] = [
  {
    from: BELOW_THE_FACES,
    to: ["cli", "api"],
    why: "The work does not know which face asked for it, or authorisation and records would differ by face.",
  },
  {
    from: ["api"],
    to: ["cli"],
    why: "An HTTP request must not reach code that prints, prompts or reads argv.",
  },
  {
    from: ["cli"],
    to: ["api"],
    why: "Both faces call the same use-cases in controller; one face built on the other would do the work twice.",
  },
  {
    from: ["controller"],
    to: ["agent"],
    why: "The two sides share only the wire; what both need belongs in core, pki or system.",
  },
  {
    from: ["agent"],
    to: ["controller"],
    why: "A managed host must not carry the control host's powers; what both need belongs in core, pki or system.",
  },
  {
    from: ["hub"],
    to: ["controller", "agent"],
    why: "A hub may be somebody else's machine: it joins bytes, and has neither side's powers.",
  },
  {
    from: ["controller", "agent"],
    to: ["hub"],
    why: "Both sides reach a hub over the wire alone, wherever it runs.",
  },
  {
    from: ["pki", "system", "core"],
    to: ["controller", "agent", "hub"],
    why: "The lower rooms serve both sides and so cannot know either.",
  },
  {
    from: ["pki"],
    to: ["system"],
    why: "pki is bytes in, bytes out; its callers read and write the files.",
  },
  {
    from: ["system"],
    to: ["pki"],
    why: "The edges move bytes and do not judge certificates; the caller joins the two.",
  },
  {
    from: ["core"],
    to: ["pki", "system"],
    why: "core is pure rules and shapes; it has no edges and no keys.",
  },
  {
    from: ["multicall"],
    to: ["cli", "api", "controller", "agent", "pki", "system"],
    why: "Choosing the program is a pure decision made before anything is loaded.",
  },
  {
    from: except("multicall"),
    to: ["main"],
    why: "main is where the process starts and exits; importing it would start a second one.",
  },
  {
    from: except("main"),
    to: ["multicall"],
    why: "Only main chooses the program; below it the choice is made.",
  },
  {
    from: ["main"],
    to: ["controller", "agent", "pki"],
    why: "main picks a face and exits; work that it did itself would have no face.",
  },
];

/** Imports between the folders of a room. */
const FOLDER_BANS: readonly { from: string; to: readonly string[]; why: string }[] = [
  {
    from: "src/controller/fleet/",
    to: ["access", "inventory", "pairing", "runs", "upkeep"],
    why: "fleet asks hosts and says what came; what else comes of it is hung in by the use-case, where it is seen.",
  },
  {
    from: "src/controller/inventory/",
    to: ["runs", "upkeep"],
    why: "To look at hosts changes nothing about them; whoever wants that subscribes, where it is seen.",
  },
];

/** What the store shows of itself: what it is given, what can be asked of it, and the shape of a record. */
const STORE_PORTS: readonly string[] = ["host.ts", "ports.ts", "agent-record.ts"];

/** What only names the files, so that to ask for a name changes nothing. */
const NAMES_ALONE = "src/controller/store/paths.ts";

/** Who reaches behind them, and why. Behind them are files; another store has none. */
const BEHIND_THE_PORTS: readonly { file: RegExp; to: readonly string[]; why: string }[] = [
  {
    file: /^src\/cli\/controller\/setting\.ts$/,
    to: ["file-store.ts"],
    why: "It opens the store.",
  },
  {
    file: /^src\/controller\/(trust\/(ca|ca-certificate|credential)|upkeep\/(mend-credentials|replaced-credential|rotation))\.ts$/,
    to: ["paths.ts"],
    why: "The keys and certificates of the CA and of this host itself are its own files, wherever the rest is kept.",
  },
  {
    file: /^src\/controller\/(access\/open-files|upkeep\/doctor\/(authority|onlooker|own-files))\.ts$/,
    to: ["paths.ts"],
    why: "It judges the files themselves: who may read and change them.",
  },
  {
    file: /^src\/controller\/upkeep\/doctor\/left-behind\.ts$/,
    to: ["leftovers.ts"],
    why: "What killed writes have left is seen in the files' folders alone.",
  },
  {
    file: /^src\/controller\/upkeep\/doctor\/databases\.ts$/,
    to: ["database-check.ts"],
    why: "A damaged database is a file that is removed; another store has none.",
  },
  {
    file: /^src\/controller\/(trust\/credential|fleet\/kept-dialler)\.ts$/,
    to: ["paths.ts", "rotation-state.ts"],
    why: "Which credential is in force is decided with those files at hand, before a handshake, in one go.",
  },
];

/** The files whose imports cross a ban above, and why they may. */
const EXCEPTIONS: readonly { file: string; to: Place; why: string }[] = [
  {
    file: "src/cli/controller/assets.ts",
    to: "api",
    why: "It prints the API's own document, which the API makes from its routes.",
  },
  {
    file: "src/cli/api/reload.ts",
    to: "api",
    why: "It is what SIGHUP does to ctrl-exec-api.",
  },
  {
    file: "src/cli/api/serve.ts",
    to: "api",
    why: "It is the command line of ctrl-exec-api: it reads the options and starts the server.",
  },
];

/** The files that put assets into the binary: one, so that what it carries is seen at one place. */
const ASSET_READERS: readonly string[] = ["src/cli/controller/assets.ts"];

/** Imports of packages and of what Bun ships. */
const PACKAGE_BANS: readonly { from: readonly Place[]; module: RegExp; why: string }[] = [
  {
    from: except("pki"),
    module: /^(@peculiar\/|reflect-metadata$)/,
    why: "X.509 costs 20 ms at start; only pki loads it, so that run and ping never pay.",
  },
  {
    from: ["core", "pki", "multicall"],
    module:
      /^(bun$|bun:|(node:)?(fs|tls|dgram|dns|http|https|http2|child_process|cluster|worker_threads|os|readline|tty)(\/|$))/,
    // node:net has its own ban below.
    why: "core and pki are pure, bytes in and bytes out; files, sockets and processes are system's.",
  },
  {
    from: except("system"),
    module: /^bun:ffi$/,
    why: "A wrong foreign call corrupts memory; system is the one room to review for it.",
  },
  {
    from: except("cli", "main"),
    module: /^citty$/,
    why: "Parsing a command line is the cli's; other rooms take typed requests.",
  },
  {
    from: EVERYWHERE,
    module: /^(node:)?process$/,
    why: "The global is the one spelling that the text bans see.",
  },
  {
    from: EVERYWHERE,
    module: /^bun:test$/,
    why: "Tests live in test/; the shipped program carries none.",
  },
];

/**
 * Calls that few files may make. The first ones look for PEM in what they get (T61): one file gives them DER, the
 * others credentials that were read by pki/pem.ts and written anew.
 */
const KEPT_CALLS: readonly {
  text: RegExp;
  from?: readonly Place[];
  files: readonly string[];
  why: string;
}[] = [
  {
    text: /\bnew X509Certificate\b|\bcreate(Private|Public|Secret)Key\s*\(/,
    files: [
      "src/pki/certificate.ts",
      "src/pki/csr.ts",
      "src/pki/join-key.ts",
      "src/pki/keys.ts",
      "src/pki/release.ts",
    ],
    why: "A library that is given text tries every way to read it; pki/pem.ts reads PEM, and they get DER.",
  },
  {
    text: /\bcreateSecureContext\s*\(|\bupgradeTLS\s*\(/,
    files: ["src/system/net/tls.ts", "src/system/net/connection.ts"],
    why: "TLS takes PEM alone; its credentials are what pki/pem.ts has read and written anew.",
  },
  {
    text: /-----BEGIN|\bPemConverter\b/,
    // SSH's signatures look like PEM, and are not.
    files: ["src/pki/pem.ts", "src/core/release/ssh-signature.ts"],
    why: "PEM has one reader, which is strict and bounded.",
  },
  {
    text: /\bDate\s*\.\s*now\s*\(|\bnew Date\s*(\(\s*\)|;|,)/,
    from: ["controller", "agent", "pki"],
    // It notes when a script began and ended, in two processes of which one has no face.
    files: ["src/agent/scripts/watched-script.ts"],
    why: "The time is an argument: the face hands down a clock, and a test another one.",
  },
  {
    text: /\bevent:\s*"run(-fail)?"/,
    // The agent has a log of its own.
    files: [
      "src/agent/endpoints/run.ts",
      "src/agent/jobs/job-log.ts",
      "src/controller/runs/log-result.ts",
    ],
    why: "A result leaves one line in the log, whoever learns of it.",
  },
  {
    text: /\baccount\s*\.\s*close\s*\(/,
    files: [
      // They hand over what they have read, and it is given back when nobody needs it any more.
      "src/controller/fleet/fan-out.ts",
      "src/controller/runs/accept-rollout.ts",
      "src/controller/runs/detached-rollouts.ts",
      "src/controller/runs/run-log.ts",
      "src/controller/runs/run.ts",
      "src/controller/runs/status.ts",
    ],
    why: "What was read is given back at the end of its block: using account = openReplies(...).",
  },
  {
    text: /\bsetTimeout\s*\(/,
    files: [
      "src/system/deadline.ts",
      // They begin something, or let go of what nobody uses.
      "src/system/net/first-to-answer.ts",
      "src/system/log/outlet.ts",
      "src/agent/scripts/watched-script.ts",
      "src/controller/fleet/agent-call.ts",
      "src/controller/fleet/agent-route.ts",
      "src/controller/fleet/pool.ts",
      "src/controller/upkeep/check-loop.ts",
      "src/controller/metrics/live-counts.ts",
      "src/controller/notices/live-notices.ts",
      "src/controller/store/run-record.ts",
    ],
    why: "A timer runs before what has come is read; a limit on what others do is a Deadline.",
  },
];

/** What must not stand in the code itself. Matched with comments and types removed. */
const TEXT_BANS: readonly { from: readonly Place[]; text: RegExp; why: string }[] = [
  {
    from: except("main"),
    text: /\bprocess\s*\.\s*(exit|exitCode|reallyExit|abort)\b|\{[^{}]*\b(exit|abort)\b[^{}]*\}\s*=\s*process\b/,
    why: "Only main.ts exits; everything else returns or throws, so that locks and files are released.",
  },
  {
    from: BELOW_THE_FACES,
    text: /\b(process|Bun|import\.meta)\s*\.\s*env\b|\{[^{}]*\benv\b[^{}]*\}\s*=\s*(process|Bun)\b/,
    why: "The environment is the caller's input; the face reads it once and passes what is meant.",
  },
  {
    from: BELOW_THE_FACES,
    text: /\b(process|Bun)\s*\.\s*(argv0?|execArgv)\b|\{[^{}]*\bargv0?\b[^{}]*\}\s*=\s*(process|Bun)\b/,
    why: "Arguments are parsed and validated at the face; below it there are typed requests.",
  },
  {
    from: BELOW_THE_FACES,
    text: /\bconsole\s*\.\s*\w+\s*\(/,
    why: "Output goes through the faces, where secrets are kept out and --json is kept whole.",
  },
  {
    from: ["core", "pki", "multicall"],
    text: /\bBun\s*\.\s*(file|write|spawn|spawnSync|serve|connect|listen|udpSocket|dns|openInEditor)\b|\bfetch\s*\(/,
    why: "core and pki are pure; a file, socket or process opened by a global is still an edge.",
  },
  {
    from: ["core", "pki", "multicall"],
    text: /(?<!\{ BlockList \} = await )\bimport\b[^;]*?["'](?:node:)?net["']/,
    why: "core may ask node:net for its BlockList, when it is needed; sockets are system's.",
  },
  {
    from: ["core"],
    text: /\bDate\s*\.\s*now\s*\(|\bnew Date\s*(\(\s*\)|;|,)|\bMath\s*\.\s*random\s*\(|\bperformance\s*\.\s*now\s*\(/,
    why: "Decisions are pure: time and random values come in as arguments.",
  },
  {
    from: ["controller", "agent", "api"],
    text: /\breadFileSync\s*\(/,
    why: "system/files/plain-file.ts reads our files: a FIFO or a device in their place must not hold us up (T74).",
  },
  {
    from: EVERYWHERE,
    text: /\bcrypto\s*\.\s*(subtle|webcrypto)\b|\{[^{}]*\b(subtle|webcrypto)\b[^{}]*\}\s*(=|from\s)/,
    why: "Keys and signatures stand on the one WebCrypto of pki/x509-library.ts, not on the runtime's.",
  },
  {
    from: EVERYWHERE,
    text: /\bwatch\s*\(/,
    why: "A watch takes an inotify instance, of which other programs may leave none; look when it counts (T65).",
  },
];

/** Rooms whose use-cases call no agent: they are given HostContext, or RunReader, and not what it takes to dial. */
const CALL_NO_AGENT = /^src\/controller\/(access|groups|notices|store|trust)\//;

/** Where a file of src belongs; undefined for a file that stands outside every room. */
function placeOf(file: string): Place | undefined {
  if (file === "src/main.ts") return "main";
  if (file === "src/multicall.ts") return "multicall";
  return ROOMS.find((room) => file.startsWith(`src/${room}/`));
}

/** The code that runs: no comments, no types. The rename keeps NODE_ENV from being replaced by its value. */
function bareCode(source: string): string {
  return transpiler.transformSync(source.replaceAll("env.NODE_ENV", "env.NODE_ENV_"));
}

/** All breaches of the rule in the given files, as "file: what. Why." */
function breaches(sources: Sources): string[] {
  const found: string[] = [];
  for (const [file, source] of sources) {
    const place = placeOf(file);
    if (place === undefined) {
      found.push(`${file}: stands in no room. A file outside the rooms would obey no rule.`);
      continue;
    }
    for (const wanted of importsOf(source)) {
      const why = whyBanned(file, place, wanted);
      if (why !== undefined) found.push(`${file}: imports ${wanted}. ${why}`);
    }
    if (
      CALL_NO_AGENT.test(file) &&
      /\bController\b[^;]*?from "[^"]*control-host\.ts"/.test(source)
    ) {
      found.push(
        `${file}: takes a Controller. Whoever judges, signs or stores must not be able to call agents.`,
      );
    }
    const code = bareCode(source);
    for (const ban of TEXT_BANS) {
      const match = ban.from.includes(place) ? ban.text.exec(code) : null;
      if (match !== null) found.push(`${file}: uses ${match[0]}. ${ban.why}`);
    }
    for (const { text, from = EVERYWHERE, files, why } of KEPT_CALLS) {
      const isKept = files.includes(file) || !from.includes(place);
      const match = isKept ? null : text.exec(code);
      if (match !== null) found.push(`${file}: uses ${match[0]}. ${why}`);
    }
    if (/\bimport\s*\((?!\s*["'])/.test(code)) {
      found.push(
        `${file}: imports a computed name. Neither this test nor the bundler can follow it.`,
      );
    }
  }
  return found;
}

function whyBanned(file: string, from: Place, wanted: string): string | undefined {
  if (!wanted.startsWith(".")) return whyPackageBanned(from, wanted);

  const target = posix.join(posix.dirname(file), wanted);
  if (target === "package.json") return undefined;
  if (ASSET_READERS.includes(file) && /^(src\/assets|completions)\//.test(target)) return undefined;
  if (!target.startsWith("src/")) return "It leaves src; only package.json may be read from above.";
  if (!target.endsWith(".ts"))
    return "Relative imports name the file as it is, with its .ts ending.";
  const to = placeOf(target);
  if (to === undefined) return "It stands in no room.";
  if (EXCEPTIONS.some((exception) => exception.file === file && exception.to === to)) {
    return undefined;
  }
  if (file === NAMES_ALONE && to !== "core") {
    return "It only names the files; who makes or reads them does so where it is seen.";
  }
  const banned = ROOM_BANS.find((ban) => ban.from.includes(from) && ban.to.includes(to));
  return (banned ?? folderBan(file, target))?.why ?? whyBehindThePorts(file, target);
}

function whyBehindThePorts(file: string, target: string): string | undefined {
  const [, name] = /^src\/controller\/store\/(.+)$/.exec(target) ?? [];
  if (name === undefined || STORE_PORTS.includes(name) || name.startsWith("ports/"))
    return undefined;
  if (file.startsWith("src/controller/store/")) return undefined;
  return BEHIND_THE_PORTS.some((one) => one.file.test(file) && one.to.includes(name))
    ? undefined
    : "Faces and use-cases know the store by its ports; what is behind them may be another store one day.";
}

function folderBan(file: string, target: string): { readonly why: string } | undefined {
  const [, room, folder] = /^(src\/\w+)\/(\w+)\//.exec(target) ?? [];
  if (room === undefined || folder === undefined || !file.startsWith(`${room}/`)) return undefined;
  return FOLDER_BANS.find(({ from, to }) => file.startsWith(from) && to.includes(folder));
}

function whyPackageBanned(from: Place, wanted: string): string | undefined {
  const ban = PACKAGE_BANS.find((entry) => entry.from.includes(from) && entry.module.test(wanted));
  if (ban !== undefined) return ban.why;
  if (wanted === "bun" || wanted.startsWith("bun:") || isBuiltin(wanted)) return undefined;
  const name = wanted.split("/", wanted.startsWith("@") ? 2 : 1).join("/");
  return name in manifest.dependencies
    ? undefined
    : "It is no run-time dependency in package.json, so nothing pins it.";
}

test("the sources keep the import direction", () => {
  const sources = readSources();
  expect(sources.has("src/main.ts"), "src/main.ts is there, so there was something to check").toBe(
    true,
  );
  expect(breaches(sources).join("\n")).toBe("");
});

describe("the checker refuses", () => {
  const refused: readonly [file: string, source: string, why: string][] = [
    ["src/core/a.ts", 'import { x } from "../system/x.ts"; x();', "no edges and no keys"],
    ["src/core/a.ts", 'import { x } from "../pki/x.ts"; x();', "no edges and no keys"],
    ["src/core/a.ts", 'import type { X } from "../cli/x.ts";', "which face asked"],
    ["src/core/a.ts", 'import { type X } from "../agent/x.ts";', "cannot know either"],
    ["src/core/a.ts", 'export type { X } from "../controller/x.ts";', "cannot know either"],
    ["src/core/a.ts", 'export type X = import("../agent/x.ts").X;', "cannot know either"],
    ["src/core/a.ts", 'import fs from "node:fs/promises"; fs;', "files, sockets"],
    ["src/core/a.ts", 'import { connect } from "net"; connect(1);', "for its BlockList"],
    [
      "src/core/a.ts",
      'import { BlockList } from "node:net"; new BlockList();',
      "for its BlockList",
    ],
    ["src/core/a.ts", 'const { connect } = await import("node:net"); connect(1);', "BlockList"],
    ["src/core/a.ts", 'import { dlopen } from "bun:ffi"; dlopen;', "files, sockets"],
    ["src/core/a.ts", 'await Bun.file("x").text();', "opened by a global"],
    ["src/pki/a.ts", "await crypto.subtle.exportKey(f, k);", "the one WebCrypto"],
    ["src/api/a.ts", "const { subtle } = globalThis.crypto; subtle;", "the one WebCrypto"],
    ["src/pki/a.ts", 'import { webcrypto } from "node:crypto"; webcrypto;', "the one WebCrypto"],
    ["src/core/a.ts", "export const now = () => Date.now();", "time and random values"],
    ["src/core/a.ts", "export const now = () => new Date();", "time and random values"],
    ["src/system/a.ts", 'import { watch } from "node:fs"; watch("x");', "inotify instance"],
    ["src/pki/a.ts", 'import { x } from "../system/x.ts"; x();', "callers read and write"],
    ["src/pki/a.ts", 'import { readFileSync } from "node:fs"; readFileSync;', "files, sockets"],
    ["src/system/a.ts", 'export { x } from "../pki/x.ts";', "do not judge certificates"],
    ["src/controller/a.ts", 'const x = await import("../agent/x.ts"); x;', "share only the wire"],
    ["src/controller/fleet/a.ts", 'import type { X } from "../runs/x.ts";', "hung in"],
    [
      "src/controller/access/a.ts",
      'import { type Controller, openReplies } from "../control-host.ts"; openReplies();',
      "able to call agents",
    ],
    ["src/controller/runs/a.ts", 'import { x } from "../store/paths.ts"; x();', "by its ports"],
    ["src/cli/a.ts", 'import type { X } from "../controller/store/registry.ts";', "by its ports"],
    ["src/cli/a.ts", 'import { x } from "../controller/store/paths.ts"; x();', "by its ports"],
    ["src/controller/pairing/a.ts", 'import { x } from "../store/paths.ts"; x();', "by its ports"],
    ["src/controller/trust/a.ts", 'import { x } from "../store/paths.ts"; x();', "by its ports"],
    [
      "src/controller/store/paths.ts",
      'import { x } from "../../system/files/files.ts"; x();',
      "only names the files",
    ],
    ["src/controller/inventory/a.ts", 'import { x } from "../upkeep/x.ts"; x();', "subscribes"],
    ["src/controller/deep/a.ts", 'import "../../agent/x.ts";', "share only the wire"],
    ["src/agent/a.ts", 'const x = require("../controller/x.ts"); x;', "control host's powers"],
    ["src/agent/a.ts", "const x = await import(`../controller/x.ts`); x;", "control host's powers"],
    ["src/agent/a.ts", "export const load = (n: string) => import(n);", "computed name"],
    ["src/agent/a.ts", 'import { dlopen } from "bun:ffi"; dlopen;', "corrupts memory"],
    ["src/agent/a.ts", 'import { x } from "../cli/x.ts"; x();', "which face asked"],
    ["src/api/a.ts", 'import { x } from "../cli/x.ts"; x();', "prints, prompts"],
    [
      "src/api/a.ts",
      'import { defineCommand } from "citty"; defineCommand;',
      "command line is the cli's",
    ],
    ["src/cli/run.ts", 'import { x } from "../api/x.ts"; x();', "do the work twice"],
    ["src/cli/run.ts", 'import { x } from "../main.ts"; x();', "start a second one"],
    ["src/cli/run.ts", 'import { x } from "../multicall.ts"; x();', "Only main chooses"],
    ["src/cli/run.ts", 'const x = await import("@peculiar/x509"); x;', "20 ms at start"],
    [
      "src/agent/a.ts",
      'import { Crypto } from "@peculiar/webcrypto"; new Crypto();',
      "20 ms at start",
    ],
    ["src/agent/a.ts", 'import "reflect-metadata";', "20 ms at start"],
    ["src/main.ts", 'import { x } from "./controller/x.ts"; x();', "picks a face"],
    ["src/multicall.ts", 'import { x } from "./cli/x.ts"; x();', "before anything is loaded"],
    ["src/cli/a.ts", 'import { exit } from "node:process"; exit;', "the text bans see"],
    ["src/cli/a.ts", 'import { test } from "bun:test"; test;', "Tests live in test/"],
    ["src/cli/a.ts", 'import { x } from "fast-check"; x;', "nothing pins it"],
    ["src/cli/a.ts", 'import { x } from "../core/x"; x;', ".ts ending"],
    ["src/cli/a.ts", 'import { x } from "../../test/x.ts"; x;', "leaves src"],
    ["src/cli/a.ts", 'import { x } from "../elsewhere.ts"; x;', "stands in no room"],
    ["src/elsewhere.ts", "export {};", "stands in no room"],
    ["src/api/a.ts", "export const c = new X509Certificate(text);", "they get DER"],
    ["src/agent/a.ts", "createPrivateKey(text);", "they get DER"],
    ["src/pki/a.ts", 'createPublicKey ({ key, format: "pem" });', "they get DER"],
    ["src/system/a.ts", "createSecureContext({ cert });", "read and written anew"],
    ["src/controller/a.ts", 'export const b = "-----BEGIN X-----";', "strict and bounded"],
    ["src/cli/a.ts", "process.exit(1);", "Only main.ts exits"],
    ["src/cli/a.ts", "process.exitCode = 1;", "Only main.ts exits"],
    ["src/cli/a.ts", 'process["exit"](1);', "Only main.ts exits"],
    ["src/cli/a.ts", "const { exit } = process; exit();", "Only main.ts exits"],
    ["src/system/a.ts", "export const e = process.env.NODE_ENV;", "the caller's input"],
    ["src/pki/a.ts", "export const e = Bun.env.HOME;", "the caller's input"],
    ["src/agent/a.ts", "const { env } = process; env;", "the caller's input"],
    ["src/core/a.ts", "export const a = process.argv;", "typed requests"],
    ["src/controller/a.ts", 'console.error("x");', "Output goes through the faces"],
    ["src/controller/runs/a.ts", 'log({ event: "run-fail", error });', "one line in the log"],
    ["src/agent/jobs/a.ts", "export const at = () => new Date();", "is an argument"],
    ["src/controller/a.ts", 'import { readFileSync } from "node:fs"; readFileSync("x");', "T74"],
    ["src/controller/runs/a.ts", "const account = o(); account.close();", "end of its block"],
    ["src/agent/a.ts", "const timer = setTimeout(() => socket.destroy(), 1000);", "is a Deadline"],
  ];
  test.each([...refused])("%s: %s", (file, source, why) => {
    const found = breaches(new Map([[file, source]]));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(why);
  });
});

describe("the checker allows", () => {
  const allowed: readonly [file: string, source: string][] = [
    [
      "src/main.ts",
      'import { x } from "./multicall.ts"; x(); await import("./cli/x.ts"); process.exit(0);',
    ],
    ["src/main.ts", 'await import("./api/x.ts");'],
    [
      "src/cli/run.ts",
      'import { x } from "../controller/x.ts"; x(process.env.USER); console.log(1);',
    ],
    ["src/cli/api/serve.ts", 'await import("../../api/server.ts");'],
    ["src/cli/a.ts", 'import manifest from "../../package.json"; manifest;'],
    ["src/api/a.ts", 'import { x } from "../controller/x.ts"; x();'],
    ["src/controller/runs/a.ts", 'import { x } from "../fleet/x.ts"; x();'],
    ["src/controller/access/a.ts", 'import type { RunReader } from "../control-host.ts";'],
    ["src/controller/fleet/a.ts", 'import { x } from "../store/ports.ts"; x();'],
    ["src/controller/a.ts", 'await import("../pki/x.ts"); await import("../system/x.ts");'],
    [
      "src/system/a.ts",
      'import { dlopen } from "bun:ffi"; import "../core/x.ts"; dlopen; Date.now();',
    ],
    ["src/pki/a.ts", 'import "reflect-metadata"; import * as x from "@peculiar/x509"; x;'],
    ["src/pki/a.ts", 'import { Crypto } from "@peculiar/webcrypto"; new Crypto();'],
    ["src/pki/a.ts", "export const made = () => webCrypto.subtle.generateKey(a, true, []);"],
    [
      "src/core/a.ts",
      'import { createHash } from "node:crypto"; import { z } from "zod"; createHash; z;',
    ],
    [
      "src/core/a.ts",
      "/* process.exit(1), console.log(1), process.env */ export const a = new Date(0);",
    ],
    ["src/core/a.ts", 'export const hint = "Look at the console. Then process the queue";'],
  ];
  test.each([...allowed])("%s: %s", (file, source) => {
    expect(breaches(new Map([[file, source]]))).toEqual([]);
  });
});
