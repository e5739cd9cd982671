/**
 * `doctor`: the control host's own self-check. It asks no host, and looks at nothing that others could have changed
 * before that is corrected: what the other modes refuse is only named here.
 */

import { existsSync } from "node:fs";
import { type Check, failed } from "../../../core/check.ts";
import type { ConfigWarning } from "../../../core/config/config-file.ts";
import { asCtrlExecError, type CtrlExecError } from "../../../core/errors.ts";
import { refuseOpenFiles } from "../../access/open-files.ts";
import type { HostContext } from "../../store/host.ts";
import type { Registry } from "../../store/ports/registry.ts";
import { authorityFindings, isSetUp } from "./authority.ts";
import { clockFindings } from "./clock.ts";
import { databaseFindings } from "./databases.ts";
import { diskFindings } from "./disk.ts";
import { type Finding, looked, notLooked, passed } from "./finding.ts";
import { leftFindings } from "./left-behind.ts";
import { noticeFindings } from "./notices.ts";
import { onlookerFindings } from "./onlooker.ts";
import { fileFindings } from "./own-files.ts";
import { programFindings } from "./programs.ts";
import { registryFindings, silentFindings } from "./registry.ts";
import { rotationFindings } from "./rotation.ts";
import { serviceFindings } from "./services.ts";
import type { Surroundings } from "./surroundings.ts";

/** @param warnings of the ctrl-exec.conf that was read */
export async function examine(
  host: HostContext,
  warnings: readonly ConfigWarning[],
  around: Surroundings,
): Promise<Finding[]> {
  const { config, now } = host;
  const findings = [
    ...onlookerFindings(config),
    configFinding(config.file, warnings),
    ...(await looked("files", () => fileFindings(config))),
    ...(await looked("authority", () => authorityFindings(config, now()))),
    ...(await looked("programs", () => programFindings(host))),
    ...(await looked("disk", () => diskFindings(config))),
  ];
  // Then there is one thing to be done first.
  if (!isSetUp(config)) return findings;
  const open = openProblem(host);
  if (open === undefined) return [...findings, ...(await stateFindings(host, around))];
  const detail = `not looked at, because others could change it: ${open.message}`;
  return [...findings, { ...failed(config.state_dir, open), detail, misconfigured: true }];
}

function configFinding(file: string, warnings: readonly ConfigWarning[]): Finding {
  const [warning] = warnings;
  if (warning === undefined) {
    return passed(
      file,
      existsSync(file) ? "can be used" : "not there: every setting has its default",
    );
  }
  const detail = warnings.map(({ key, message }) => `${key}: ${message}`).join("; ");
  const remedy = `correct or remove ${warning.key}`;
  return { name: file, ok: false, detail, remedy, misconfigured: true };
}

/** What keeps every other mode from its work. */
function openProblem({ config }: HostContext): CtrlExecError | undefined {
  try {
    refuseOpenFiles(config);
    return undefined;
  } catch (thrown) {
    return asCtrlExecError(thrown);
  }
}

async function stateFindings(host: HostContext, around: Surroundings): Promise<Finding[]> {
  const { config } = host;
  const databases = await looked("databases", () => databaseFindings(config));
  const isWhole = databases.every(({ ok }) => ok);
  return [
    ...(await fleetFindings(host, isWhole)),
    ...(await leftFindings(host)),
    ...(await noticeFindings(host)),
    ...databases,
    ...(await serviceFindings(host, around)),
  ];
}

/** @param learnedIsWhole reading a damaged database would replace it */
async function fleetFindings(host: HostContext, learnedIsWhole: boolean): Promise<Finding[]> {
  const { config, now, store } = host;
  let registry: Registry;
  try {
    registry = await store.registry.read();
  } catch (thrown) {
    return [notLooked("registry", thrown)];
  }
  const { agents } = registry;
  return [
    ...(await looked("registry", () => registryFindings(host, registry))),
    ...(await looked("contact", async () => {
      const known = learnedIsWhole ? await store.learned.known() : new Map();
      const contacts = new Map([...known].map(([name, { contact }]) => [name, contact]));
      return silentFindings(config, agents, contacts, now());
    })),
    ...(await looked("clock", () => clockFindings(host, agents))),
    ...(await looked("rotation", () => rotationFindings(host, agents))),
  ];
}

/** What was done about a finding, or, if not ok, why that failed. */
type Mended = Check;

export interface Examination {
  readonly findings: readonly Finding[];
  /** Empty unless it was asked to repair. */
  readonly mended: readonly Mended[];
}

/**
 * Does what is safe about what is found, then checks again.
 *
 * Files are closed to others first. As long as others could change what this host works with, nothing else is done.
 */
export async function examineAndMend(
  host: HostContext,
  warnings: readonly ConfigWarning[],
  around: Surroundings,
): Promise<Examination> {
  const mended: Mended[] = [];
  // In the second round, what could not be checked in the first one.
  for (let round = 0; round < 2; round++) {
    const findings = await examine(host, warnings, around);
    const before = mended.length;
    for (const finding of findings) {
      const done = await mendOne(host, finding);
      const isNew = mended.every(
        ({ name, detail }) => name !== done?.name || detail !== done.detail,
      );
      if (done !== undefined && isNew) mended.push(done);
    }
    if (mended.length === before) return { findings, mended };
  }
  return { findings: await examine(host, warnings, around), mended };
}

async function mendOne({ log }: HostContext, { name, mend }: Finding): Promise<Mended | undefined> {
  try {
    const done = await mend?.();
    if (done === undefined) return undefined;
    log({ event: "doctor-fix", msg: done, path: name });
    return { name, ok: true, detail: done };
  } catch (thrown) {
    return failed(name, thrown);
  }
}
