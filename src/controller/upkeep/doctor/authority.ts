/** The CA and this host's own credential, as they are at this moment. */
import { lstatSync } from "node:fs";
import { attemptValue, type Check, failed } from "../../../core/check.ts";
import { type ControllerConfig, configArgument } from "../../../core/config/controller-config.ts";
import { renewalThreshold, rotationDue } from "../../../core/rotation.ts";
import { addDays, opensslTime } from "../../../core/time.ts";
import { lifeProblem } from "../../../core/validity.ts";
import { type CertificateFacts, readCertificate } from "../../../pki/certificate.ts";
import { fitsKey, privateKeyAlone } from "../../../pki/keys.ts";
import { readPrivateText, readText } from "../../../system/files/files.ts";
import { paths } from "../../store/paths.ts";
import { caCertificate } from "../../trust/ca-certificate.ts";
import { loadCredentials, replacementProblems } from "../../trust/credential.ts";
import { type Finding, ofSetting, passed } from "./finding.ts";

const FROM_BACKUP = "restore it from a backup";

/** How many days at most until somebody maintains: a timer comes every four hours. */
const PATIENCE_DAYS = 2;

export function authorityFindings(config: ControllerConfig, now: Date): Finding[] {
  const { caCert } = paths(config);
  if (!isSetUp(config)) return [notSetUp(config)];
  const { value: ca } = attemptValue(() => caCertificate(config));
  return [
    ofSetting(caCert, () => checkCa(config, now)),
    ...(ca === undefined ? [] : [ofSetting(paths(config).caKey, () => checkCaKey(config, ca))]),
    ...credentialFindings(config, now),
    ...backdateFindings(config),
    ...apiFindings(config, now),
  ];
}

/** Whether there is any part of a CA or a credential; what this user may not look at may exist. */
export function isSetUp(config: ControllerConfig): boolean {
  return !isMissing(paths(config).caCert) || !isMissing(config.cert);
}

function isMissing(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}

function notSetUp(config: ControllerConfig): Finding {
  const option = configArgument(config.file);
  return {
    name: paths(config).caCert,
    ok: false,
    detail: "no such file: this control host has no CA yet",
    remedy: `set it up first: ctrl-exec setup-ca${option}, then ctrl-exec setup-ctrl-exec${option}`,
    misconfigured: true,
  };
}

function checkCa(config: ControllerConfig, now: Date): Check {
  const name = paths(config).caCert;
  const { value: ca, problem } = attemptValue(() => caCertificate(config));
  if (ca === undefined) return failed(name, problem, FROM_BACKUP);
  if (!ca.isCa) return { name, ok: false, detail: "it is not a CA's", remedy: FROM_BACKUP };
  const life = lifeProblem(ca, now);
  if (life !== undefined) {
    const remedy =
      now < ca.notBefore
        ? "set this host's clock: it says an earlier time"
        : "set this host's clock if it is ahead; if it is right, the fleet needs a new CA";
    return { name, ok: false, detail: life, remedy };
  }
  const until = `expires ${opensslTime(ca.notAfter)}`;
  if (ca.notAfter < addDays(now, renewalThreshold(config))) {
    const remedy =
      "plan a new CA: every host has to be paired again, and none works after that day";
    return { name, ok: false, detail: until, remedy };
  }
  if (config.ca === name) return passed(name, until);
  const trusted = readCertificate(readText(config.ca), config.ca);
  if (trusted.fingerprint === ca.fingerprint) return passed(name, until);
  const detail = `it is not the CA that ${config.ca} has`;
  return {
    name,
    ok: false,
    detail,
    remedy: "correct ca or ca_dir, or restore both from one backup",
  };
}

function checkCaKey(config: ControllerConfig, ca: CertificateFacts): Check {
  const { caKey: name, caCert } = paths(config);
  const read = () => fitsKey(ca, readPrivateText(name), name);
  const { value: fits, problem } = attemptValue(read);
  if (fits === undefined) return failed(name, problem, `${FROM_BACKUP}: nothing can be signed`);
  if (fits) return passed(name, `fits ${caCert}, closed to other users`);
  const remedy = "restore both from one backup: nothing can be signed";
  return { name, ok: false, detail: `not the key of ${caCert}`, remedy };
}

function credentialFindings(config: ControllerConfig, now: Date): Finding[] {
  const { cert: name } = config;
  const replaced = attemptValue(() => replacementProblems(config, now)).value ?? [];
  return [
    ofSetting(name, () => checkCredential(config, now)),
    ...replaced.map((problem) => ({ ...failed(name, problem), misconfigured: true })),
  ];
}

function checkCredential(config: ControllerConfig, now: Date): Check {
  const { cert: name } = config;
  const option = configArgument(config.file);
  const { value, problem } = attemptValue(() => loadCredentials(config, now).current);
  if (value === undefined) {
    const remedy = `${FROM_BACKUP}; if there is none: ctrl-exec setup-ctrl-exec${option}`;
    if (isMissing(name)) return { name, ok: false, detail: "no such file", remedy };
    return failed(name, problem, remedy);
  }
  const { certificate, ca } = value;
  const life = lifeProblem(certificate, now);
  if (life !== undefined) {
    const remedy = `set this host's clock if it is wrong, then ctrl-exec maintain${option}`;
    return { name, ok: false, detail: life, remedy };
  }
  const until = `expires ${opensslTime(certificate.notAfter)}`;
  if (rotationDue(certificate.notAfter, ca.notAfter, config, addDays(now, -PATIENCE_DAYS))) {
    const remedy = `ctrl-exec maintain${option}`;
    return { name, ok: false, detail: `${until}, and is not renewed`, remedy };
  }
  return passed(name, `fits its key, signed by ${config.ca}, ${until}`);
}

/** From this difference on, clocks are reported (core/clock.ts). */
const SEEN_FROM = 60;

function backdateFindings({ file, cert_backdate: seconds }: ControllerConfig): Finding[] {
  if (seconds >= SEEN_FROM) return [];
  return [
    {
      name: "cert_backdate",
      ok: false,
      detail: `${seconds} s: a host whose clock is a little behind refuses its new certificate`,
      remedy: `set cert_backdate in ${file} to ${SEEN_FROM} or more`,
      misconfigured: true,
    },
  ];
}

/** Only the administrator renews the API's certificate. */
const API_WARN_DAYS = 14;

function apiFindings(config: ControllerConfig, now: Date): Finding[] {
  const { api_cert: cert, api_key: key, file } = config;
  if (cert === undefined && key === undefined) return [];
  if (cert === undefined || key === undefined) {
    const detail = "only one of api_cert and api_key is set";
    const remedy = "set both for TLS, or neither for plain HTTP";
    return [{ name: file, ok: false, detail, remedy, misconfigured: true }];
  }
  return [
    ofSetting(cert, () => {
      const certificate = readCertificate(readText(cert), cert);
      if (!fitsKey(certificate, privateKeyAlone(readPrivateText(key), key), key)) {
        return { name: cert, ok: false, detail: `${key} is not its key`, remedy: "name its key" };
      }
      const renew = "renew it, then systemctl reload ctrl-exec-api";
      const life = lifeProblem(certificate, now);
      if (life !== undefined) return { name: cert, ok: false, detail: life, remedy: renew };
      const detail = `expires ${opensslTime(certificate.notAfter)}`;
      const isNear = certificate.notAfter < addDays(now, API_WARN_DAYS);
      return isNear ? { name: cert, ok: false, detail, remedy: renew } : passed(cert, detail);
    }),
  ];
}
