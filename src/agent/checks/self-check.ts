/** Every check of `self-check`: only this host's files, no connection. */
import { statSync } from "node:fs";
import { attempt, attemptValue, type Check, failed } from "../../core/check.ts";
import {
  type AgentConfig,
  agentConfigArgument,
  pairingStep,
} from "../../core/config/agent-config.ts";
import type { ConfigWarning } from "../../core/config/config-file.ts";
import { UPDATE_SERIAL_SCRIPT } from "../../core/reserved-script.ts";
import { opensslTime } from "../../core/time.ts";
import { lifeProblem } from "../../core/validity.ts";
import { type CertificateFacts, isSignedBy, readCertificate } from "../../pki/certificate.ts";
import { fitsKey } from "../../pki/keys.ts";
import { readPrivateText, readText } from "../../system/files/files.ts";
import { judgeStartable } from "../../system/process/startable.ts";
import { type AllowedScript, parseAllowlist } from "../scripts/allowlist.ts";
import { judgeStart } from "../scripts/run-script.ts";
import { lineProblem } from "../scripts/script-file.ts";
import { parseAllowedIps } from "../state/allowed-ips.ts";
import { hasRootsPart } from "../state/roots-part.ts";
import { serialEntryProblem } from "../trust/announced-serial.ts";
import { ControllerSerials } from "../trust/controller-serials.ts";
import { identityFiles, loadCertificate } from "../trust/identity-files.ts";
import { RevokedSerials } from "../trust/revoked-serials.ts";
import { fileFaults } from "./config-files.ts";
import { isRunByOnlooker } from "./onlooker.ts";

/** @param configWarnings of the agent.conf that was read */
export async function checkAgent(
  config: AgentConfig,
  configWarnings: readonly ConfigWarning[],
  allowlistPath: string,
  now: Date,
): Promise<Check[]> {
  const onlooker = isRunByOnlooker(config);
  return [
    ...(onlooker ? [onlookerCheck(config)] : []),
    checkConfig(config, configWarnings),
    checkAllowedIps(config),
    ...checkCredential(config, now),
    checkSerial(config),
    checkRevocations(config),
    ...checkFileFaults(config, allowlistPath, onlooker),
    ...(await checkAllowlist(config, allowlistPath)),
    ...checkHook(config),
    ...checkUpgrades(config),
  ];
}

/** The agent may read and execute files that this user may not: other checks can fail for that reason alone. */
function onlookerCheck({ file }: AgentConfig): Check {
  return {
    name: "user",
    ok: false,
    detail:
      "this user is neither root nor the agent's, and may not read everything that is to be checked",
    remedy: `run it as root: sudo ctrl-exec-agent self-check${agentConfigArgument(file)}`,
  };
}

function checkConfig({ file, port }: AgentConfig, warnings: readonly ConfigWarning[]): Check {
  const [warning] = warnings;
  if (warning === undefined) return { name: file, ok: true, detail: `port ${port}` };
  const detail = warnings.map(({ key, message }) => `${key}: ${message}`).join("; ");
  return { name: file, ok: false, detail, remedy: `correct or remove ${warning.key}` };
}

function checkAllowedIps(config: AgentConfig): Check {
  const name = "allowed_ips";
  const entries = config.allowed_ips?.length ?? 0;
  return attempt(name, () => {
    const { prefixes, warnings } = parseAllowedIps(config);
    const detail =
      prefixes === undefined ? "not set: every address may connect" : `${entries} entries`;
    const bad = warnings.map(({ message }) => message).join("; ");
    if (bad === "") return { name, ok: true, detail };
    return { name, ok: false, detail: bad, remedy: "correct the entry in agent.conf" };
  });
}

function pairRemedy(config: AgentConfig): string {
  return `pair this agent: ${pairingStep(config)}`;
}

function checkCredential(config: AgentConfig, now: Date): Check[] {
  const pair = pairRemedy(config);
  const { value: certificate, problem } = attemptValue(() => loadCertificate(config));
  if (certificate === undefined) return [failed(config.cert, problem, pair)];
  const inPlace = checkCertificate(config.cert, certificate, now, pair);
  // The files that serve would use: a pairing that was cut off has left its key and CA staged.
  const files = attemptValue(() => identityFiles(config, certificate));
  if (files.value === undefined) return [inPlace, failed(config.key, files.problem, pair)];
  const { keyFile, caFile } = files.value;
  return [
    inPlace,
    checkKey(keyFile, config.cert, certificate, pair),
    checkCa(caFile, config.cert, certificate, now, pair),
  ];
}

function checkCertificate(
  name: string,
  certificate: CertificateFacts,
  now: Date,
  pair: string,
): Check {
  const detail = lifeProblem(certificate, now);
  if (detail !== undefined) {
    const isEarly = now < certificate.notBefore;
    const remedy = isEarly ? "set this host's clock: it says an earlier time" : pair;
    return { name, ok: false, detail, remedy };
  }
  const until = opensslTime(certificate.notAfter);
  return { name, ok: true, detail: `${certificate.commonName}, expires ${until}` };
}

function checkKey(name: string, cert: string, certificate: CertificateFacts, pair: string): Check {
  const read = () => fitsKey(certificate, readPrivateText(name), name);
  const { value: fits, problem } = attemptValue(read);
  if (fits === undefined) return failed(name, problem, pair);
  if (!fits) return { name, ok: false, detail: `not the key of ${cert}`, remedy: pair };
  return attempt(name, () => {
    const { uid } = statSync(name);
    const own = process.getuid?.() ?? 0;
    if (uid !== 0 && uid !== own) {
      const detail = `belongs to user ${uid}, neither root nor the agent's`;
      return { name, ok: false, detail, remedy: `chown root ${name}` };
    }
    return { name, ok: true, detail: `fits ${cert}, closed to other users` };
  });
}

function checkCa(
  name: string,
  cert: string,
  certificate: CertificateFacts,
  now: Date,
  pair: string,
): Check {
  const { value: ca, problem } = attemptValue(() => readCertificate(readText(name), name));
  if (ca === undefined) return failed(name, problem, pair);
  if (!isSignedBy(certificate, ca)) {
    return { name, ok: false, detail: `did not sign ${cert}`, remedy: pair };
  }
  const until = opensslTime(ca.notAfter);
  if (now > ca.notAfter) return { name, ok: false, detail: `expired ${until}`, remedy: pair };
  return { name, ok: true, detail: `signed ${cert}, expires ${until}` };
}

function checkSerial(config: AgentConfig): Check {
  const { dispatcher_serial_path: name } = config;
  const pair = pairRemedy(config);
  const serials = new ControllerSerials(name);
  if (serials.problem !== undefined) return failed(name, new Error(serials.problem), pair);
  if (serials.known) {
    return { name, ok: true, detail: `the control host's serial: ${serials.current}` };
  }
  return { name, ok: false, detail: "no such file: nobody is trusted", remedy: pair };
}

function checkRevocations({ revoked_serials: name, namesRevocationFile }: AgentConfig): Check {
  return attempt(name, () => {
    const revoked = new RevokedSerials(name);
    if (namesRevocationFile && !revoked.present) {
      const detail = "no such file, although agent.conf names it";
      return {
        name,
        ok: false,
        detail,
        remedy: `create it, empty when nothing is revoked: touch ${name}`,
      };
    }
    const none = revoked.present ? "" : "no such file, ";
    return { name, ok: true, detail: `${none}${revoked.named} revoked` };
  });
}

function checkFileFaults(config: AgentConfig, allowlistPath: string, onlooker: boolean): Check[] {
  return fileFaults(config, allowlistPath, onlooker).map(({ path, problem, remedy }) => {
    return { name: path, ok: false, detail: problem, remedy };
  });
}

async function checkAllowlist(config: AgentConfig, path: string): Promise<Check[]> {
  try {
    const { scripts, warnings } = await parseAllowlist(path, readText(path));
    const listed = { name: path, ok: true, detail: `${scripts.size} scripts` };
    const bad = warnings.map(({ key, message }) => ({
      name: path,
      ok: false,
      detail: `${key}: ${message}`,
      remedy: "correct or remove the entry",
    }));
    const entry = scripts.get(UPDATE_SERIAL_SCRIPT);
    const others = [...scripts.values()].filter((script) => script !== entry);
    return [
      ...(bad.length === 0 ? [listed] : bad),
      ...checkScripts(config, others),
      checkSerialEntry(config, entry),
    ];
  } catch (thrown) {
    return [failed(path, thrown, "put scripts.conf there, or name another with --allowlist")];
  }
}

const CORRECT_LINE = "correct the line in scripts.conf";

function checkScripts(config: AgentConfig, scripts: Iterable<AllowedScript>): Check[] {
  return [...scripts].map((script) => {
    const name = `script ${script.name}`;
    const judged = judgeStart(script, config);
    if (judged.kind === "good") return { name, ok: true, detail: script.path };
    const slip = lineProblem(script.path, judged);
    if (slip !== undefined) return { name, ok: false, detail: slip, remedy: CORRECT_LINE };
    return { name, ok: false, detail: judged.problem, remedy: judged.remedy };
  });
}

const LIST_IT = `${UPDATE_SERIAL_SCRIPT} = /usr/local/bin/${UPDATE_SERIAL_SCRIPT}`;

/** The agent follows a rotation in any case: it can do without the line, but a wrong one is an error. */
function checkSerialEntry(config: AgentConfig, entry: AllowedScript | undefined): Check {
  const name = `script ${UPDATE_SERIAL_SCRIPT}`;
  if (entry === undefined) {
    return { name, ok: true, detail: "not listed: the agent itself stores a new serial" };
  }
  const problem = serialEntryProblem(entry, config);
  if (problem === undefined) return { name, ok: true, detail: entry.path };
  const detail = `${problem}; until that is corrected, the agent itself stores a new serial`;
  const remedy = `run install.sh --agent again, or write in scripts.conf: ${LIST_IT}`;
  return { name, ok: false, detail, remedy };
}

function checkHook(config: AgentConfig): Check[] {
  const { auth_hook: hook } = config;
  if (hook === undefined) return [];
  const judged = judgeStartable(hook);
  if (judged.kind === "good") return [{ name: "auth_hook", ok: true, detail: hook }];
  return [{ name: "auth_hook", ok: false, detail: judged.problem, remedy: judged.remedy }];
}

function checkUpgrades(config: AgentConfig): Check[] {
  const { allow_upgrade, release_key, upgrade_state, file } = config;
  const name = "allow_upgrade";
  if (!allow_upgrade) return [];
  if (release_key !== undefined && !hasRootsPart(config)) {
    const detail = `nothing here carries out upgrades, so every release is refused: ${upgrade_state} is missing`;
    return [{ name, ok: false, detail, remedy: "run install.sh --agent again, as root" }];
  }
  if (release_key !== undefined) {
    return [{ name, ok: true, detail: "the control host may bring releases of release_key" }];
  }
  const detail = "there is no release_key, so every release is refused";
  return [
    { name, ok: false, detail, remedy: `set release_key in ${file}, or remove allow_upgrade` },
  ];
}
