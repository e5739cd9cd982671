/**
 * Who may read and write the files that grant this host's power: those that refuseOpenFiles() refuses, and what is in
 * their folders. What this host has created itself can be closed again; what belongs to the administrator is only
 * named.
 */
import { lstatSync, type Stats } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type ControllerConfig, configArgument } from "../../../core/config/controller-config.ts";
import { CtrlExecError } from "../../../core/errors.ts";
import { firstOf } from "../../../core/text.ts";
import { closeToOthers } from "../../../system/files/close-to-others.ts";
import { fileError, isDenied, listFolder } from "../../../system/files/files.ts";
import { describeWriters, judgePath } from "../../../system/files/trusted-path.ts";
import { paths } from "../../store/paths.ts";
import { type Finding, looked, passed } from "./finding.ts";

const OTHERS_WRITE = 0o022;
/** As in readPrivateText(): a group may read a key if the administrator lets it. */
const OTHERS_READ_KEY = 0o027;
const OTHERS_ENTER = 0o077;
const STICKY = 0o1000;

/** A file or folder that this host has created. */
interface OwnPath {
  readonly path: string;
  /** Bits of its mode that it must not have. */
  readonly closed: number;
}

export async function fileFindings(config: ControllerConfig): Promise<Finding[]> {
  const own = ownPaths(config);
  const loose = own.flatMap(({ path, closed }) => looseFindings(config, path, closed));
  const elsewhere = wayFindings(config, own, loose);
  const folders = await folderFindings(config);
  const found = [...loose, ...elsewhere, ...folders];
  if (found.length > 0) return found;
  return [passed("files", "closed to other users, and so are the folders above them")];
}

/** A folder before its contents, so that it is closed first. */
function ownPaths(config: ControllerConfig): OwnPath[] {
  const { ca_dir, state_dir, cert, key } = config;
  const { caKey, caCert, credentials, inForce, rollouts, ...state } = paths(config);
  // The folder of ctrl-exec.conf belongs to the administrator, whatever else is in it.
  const folders = [state_dir, ca_dir, credentials].filter((path) => path !== dirname(config.file));
  const all = [
    ...[...folders, ...Object.values(state), cert, caCert].map((path) => ({
      path,
      closed: OTHERS_WRITE,
    })),
    ...[caKey, key, inForce].map((path) => ({ path, closed: OTHERS_READ_KEY })),
    { path: rollouts, closed: OTHERS_ENTER },
  ];
  return all.sort((a, b) => a.path.split("/").length - b.path.split("/").length);
}

function looseFindings(config: ControllerConfig, path: string, closed: number): Finding[] {
  const facts = factsOf(path);
  if (facts === undefined || facts.isSymbolicLink()) return [];
  const loose = facts.mode & closed;
  // The same exception as everywhere: see trusted-path.ts.
  if (loose === 0 || (facts.isDirectory() && (facts.mode & STICKY) !== 0)) return [];
  return [
    {
      name: path,
      ok: false,
      detail: looseness(path, facts),
      remedy: closeItself(config),
      misconfigured: true,
      mend: async () => {
        requireTrusted(dirname(path), path);
        const changed = closeToOthers(path, closed);
        if (changed === undefined) return undefined;
        const look = facts.isDirectory() ? "; see what others may have put there" : "";
        return `closed to other users: mode ${octal(changed.before)} is now ${octal(changed.after)}${look}`;
      },
    },
  ];
}

function closeItself({ file }: ControllerConfig): string {
  return `ctrl-exec doctor --fix${configArgument(file)}`;
}

function looseness(path: string, { mode }: Stats): string {
  const writers = mode & OTHERS_WRITE;
  const shown = `(mode ${octal(mode & 0o7777)})`;
  if (writers !== 0) return `${path} can be written by ${describeWriters(writers)} ${shown}`;
  return `${path} may be opened by other users of this host ${shown}`;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

/** While others could put a link there, root would change a file of their choice. @throws CtrlExecError `config` */
function requireTrusted(folder: string, path: string): void {
  const judged = judgePath(folder);
  if (judged.kind === "good") return;
  throw new CtrlExecError("config", `Cannot close ${path}: ${judged.problem}`, {
    hint: judged.remedy,
  });
}

/** What is wrong on the path to these files, and with files that others have created. */
function wayFindings(
  config: ControllerConfig,
  own: readonly OwnPath[],
  loose: readonly Finding[],
): Finding[] {
  const { ca_dir, ca, api_cert, api_key } = config;
  const named = [ca_dir, ca, api_cert, api_key].filter((path) => path !== undefined);
  const said = new Set(loose.map(({ detail }) => detail));
  const found: Finding[] = [];
  for (const path of new Set([...own.map((one) => one.path), ...named])) {
    const judged = judgePath(path, ownerOf(config));
    if (judged.kind !== "refused" || said.has(judged.problem)) continue;
    said.add(judged.problem);
    const { problem: detail, remedy } = judged;
    found.push({ name: path, ok: false, detail, remedy, misconfigured: true });
  }
  return found;
}

/** An onlooker asks whether it is right for the user to whom these files belong. */
function ownerOf({ state_dir }: ControllerConfig): number {
  const own = process.geteuid?.() ?? 0;
  return own === 0 ? 0 : (factsOf(state_dir)?.uid ?? own);
}

/** Registry, queue, join tokens and credentials: anyone who can write a record decides who answers for a host. */
async function folderFindings(config: ControllerConfig): Promise<Finding[]> {
  const { agents, pairing, joinTokens, credentials } = paths(config);
  const folders = [
    { folder: agents, closed: OTHERS_WRITE },
    { folder: pairing, closed: OTHERS_WRITE },
    { folder: joinTokens, closed: OTHERS_WRITE },
    { folder: credentials, closed: OTHERS_READ_KEY },
  ];
  const found = await Promise.all(
    folders.map(({ folder, closed }) => looked(folder, () => inFolder(config, folder, closed))),
  );
  return found.flat();
}

const MAX_NAMED = 3;

function inFolder(config: ControllerConfig, folder: string, closed: number): Finding[] {
  const { inForce } = paths(config);
  const owner = ownerOf(config);
  const files = listFolder(folder)
    .map((name) => join(folder, name))
    .filter((path) => path !== inForce)
    .flatMap((path) => {
      const facts = factsOf(path);
      return facts === undefined ? [] : [{ path, facts }];
    });
  const foreign = files.filter(({ facts }) => facts.uid !== 0 && facts.uid !== owner);
  const loose = files.filter(({ facts }) => facts.isFile() && (facts.mode & closed) !== 0);
  const found: Finding[] = [];
  if (foreign.length > 0) {
    found.push({
      name: folder,
      ok: false,
      detail: `another user has made ${namesOf(foreign)}`,
      remedy: `see whose they are, and remove what you do not know: ls -l ${folder}`,
      misconfigured: true,
    });
  }
  if (loose.length === 0) return found;
  const own = loose.filter((one) => !foreign.includes(one));
  found.push({
    name: folder,
    ok: false,
    detail: `other users may ${closed === OTHERS_WRITE ? "write" : "open"} ${namesOf(loose)}`,
    remedy: closeItself(config),
    misconfigured: true,
    mend: async () => {
      requireTrusted(folder, folder);
      const changed = own.filter(({ path }) => closeToOthers(path, closed) !== undefined);
      return changed.length === 0 ? undefined : `closed to other users: ${namesOf(changed)}`;
    },
  });
  return found;
}

function namesOf(files: readonly { readonly path: string }[]): string {
  return firstOf(
    files.map(({ path }) => basename(path)),
    MAX_NAMED,
  );
}

/** Undefined if it is missing, or this user may not look at it: that is reported elsewhere. */
function factsOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (thrown) {
    if (isDenied(thrown)) return undefined;
    throw fileError("config", "read", path, thrown);
  }
}
