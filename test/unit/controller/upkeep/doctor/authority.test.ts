/** The CA and this host's credential, as they are and as they are not. */
import { expect, test } from "bun:test";
import { chmodSync, rmSync } from "node:fs";
import { paths } from "../../../../../src/controller/store/paths.ts";
import { makeOwnCredential } from "../../../../../src/controller/trust/ca.ts";
import {
  authorityFindings,
  isSetUp,
} from "../../../../../src/controller/upkeep/doctor/authority.ts";
import { addDays, opensslTime } from "../../../../../src/core/time.ts";
import { readCertificate } from "../../../../../src/pki/certificate.ts";
import { readText } from "../../../../../src/system/files/files.ts";
import { faults } from "../../../../support/doctor.ts";
import { LocalFleet } from "../../../../support/local-fleet.ts";
import { writeOtherKey } from "../../../../support/other-key.ts";

const certificateOf = (path: string) => readCertificate(readText(path), path);

test("a host with which nothing is wrong", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  const { caKey, caCert } = paths(config);
  const until = (path: string) => `expires ${opensslTime(certificateOf(path).notAfter)}`;
  expect(isSetUp(config)).toBe(true);
  expect(authorityFindings(config, fleet.now)).toEqual([
    { name: caCert, ok: true, detail: until(caCert) },
    { name: caKey, ok: true, detail: `fits ${caCert}, closed to other users` },
    {
      name: config.cert,
      ok: true,
      detail: `fits its key, signed by ${caCert}, ${until(config.cert)}`,
    },
  ]);
});

test("a host without a CA is told what to do first, and nothing else", async () => {
  await using fleet = await LocalFleet.bare();
  const { config } = fleet.controller;
  const option = ` --config ${config.file}`;
  expect(isSetUp(config)).toBe(false);
  expect(authorityFindings(config, fleet.now)).toEqual([
    {
      name: paths(config).caCert,
      ok: false,
      detail: "no such file: this control host has no CA yet",
      remedy: `set it up first: ctrl-exec setup-ca${option}, then ctrl-exec setup-ctrl-exec${option}`,
      misconfigured: true,
    },
  ]);
});

test("what is missing, or does not fit, is named with what to do", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  const { caKey, caCert, inForce } = paths(config);
  const now = fleet.now;
  const first = () => {
    const [found] = authorityFindings(config, now).filter(({ ok }) => !ok);
    return [found?.name, found?.detail, found?.remedy, found?.misconfigured];
  };
  const backup = "restore both from one backup: nothing can be signed";
  const { keyPem, certificate } = await makeOwnCredential(fleet.controller);
  await writeOtherKey(caKey);
  expect(first()).toEqual([caKey, `not the key of ${caCert}`, backup, true]);
  rmSync(caKey);
  const noKey = `Cannot read ${caKey}: no such file or folder`;
  const restore = "restore it from a backup: nothing can be signed";
  expect(first()).toEqual([caKey, noKey, restore, true]);
  await using other = await LocalFleet.create();
  const { caKey: itsKey, caCert: itsCert } = paths(other.controller.config);
  fleet.folder.write("control/ca.key", readText(itsKey), 0o600);
  fleet.folder.write("control/ca.crt", readText(itsCert));
  expect(first().slice(0, 2)).toEqual([
    config.cert,
    `Cannot use ${config.cert}: ${caCert} did not sign it`,
  ]);
  fleet.folder.write("control/ca.crt", certificate.pem);
  expect(first()[1]).toBe("it is not a CA's");
  fleet.folder.write("control/ca.crt", "none");
  expect(first()[2]).toBe("restore it from a backup");
  rmSync(caCert);
  rmSync(config.cert);
  rmSync(inForce);
  expect(isSetUp(config)).toBe(false);
  fleet.folder.write("control/ca.crt", readText(itsCert));
  expect(first()).toEqual([
    config.cert,
    "no such file",
    `restore it from a backup; if there is none: ctrl-exec setup-ctrl-exec --config ${config.file}`,
    true,
  ]);
  fleet.folder.write("control/ctrl-exec.key", keyPem, 0o644);
  fleet.folder.write("control/ctrl-exec.crt", certificate.pem);
  chmodSync(config.key, 0o644);
  expect(first()[1]).toContain(`Cannot use ${config.key}: every user of this host may open it`);
});

test("what is not valid now, or is not renewed, is named at its time", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  const { caCert } = paths(config);
  const ca = certificateOf(caCert);
  const own = certificateOf(config.cert);
  const at = (now: Date) => faults(authorityFindings(config, now));
  const until = (end: Date) => `expires ${opensslTime(end)}`;
  expect(at(addDays(own.notAfter, -88.1))).toEqual([]);
  expect(at(addDays(own.notAfter, -87.9))).toEqual([
    `${config.cert}: ${until(own.notAfter)}, and is not renewed`,
  ]);
  expect(at(addDays(own.notAfter, 1))).toEqual([
    expect.stringContaining(`Cannot use ${config.cert}: it expired on`),
  ]);
  expect(at(addDays(ca.notAfter, -90.1)).join()).not.toContain(caCert);
  expect(at(addDays(ca.notAfter, -89.9))[0]).toBe(`${caCert}: ${until(ca.notAfter)}`);
  expect(at(addDays(ca.notAfter, 1))[0]).toBe(`${caCert}: expired ${opensslTime(ca.notAfter)}`);
  expect(at(addDays(ca.notBefore, -1))).toEqual([
    `${caCert}: not valid before ${opensslTime(ca.notBefore)}`,
    `${config.cert}: not valid before ${opensslTime(own.notBefore)}`,
  ]);
  const another = fleet.folder.write("another.crt", own.pem);
  expect(faults(authorityFindings({ ...config, ca: another }, fleet.now))[0]).toBe(
    `${caCert}: it is not the CA that ${another} has`,
  );
});

test("a certificate that somebody else has put there, and too short a backdate, are named", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  const { keyPem, certificate } = await makeOwnCredential(fleet.controller);
  fleet.folder.write("control/ctrl-exec.key", keyPem, 0o600);
  fleet.folder.write("control/ctrl-exec.crt", certificate.pem);
  const found = authorityFindings({ ...config, cert_backdate: 59 }, fleet.now);
  expect(faults(found)).toEqual([
    `${config.cert}: Cannot use ${config.cert}: somebody else has put it there, serial ${certificate.serial}`,
    "cert_backdate: 59 s: a host whose clock is a little behind refuses its new certificate",
  ]);
  expect(faults(authorityFindings({ ...config, cert_backdate: 60 }, fleet.now))).toHaveLength(1);
});

test("the API's certificate is judged when it is set", async () => {
  await using fleet = await LocalFleet.create();
  const { config, now } = { ...fleet.controller, now: fleet.now };
  const { cert: api_cert, key: api_key } = config;
  const { notAfter } = certificateOf(api_cert);
  const at = (change: object, time = now) => {
    return faults(authorityFindings({ ...config, ...change }, time)).filter(
      (line) => !line.includes("not renewed") && !line.includes("it expired on"),
    );
  };
  expect(at({ api_cert, api_key })).toEqual([]);
  expect(at({ api_cert })).toEqual([`${config.file}: only one of api_cert and api_key is set`]);
  expect(at({ api_key })).toEqual([`${config.file}: only one of api_cert and api_key is set`]);
  const wrong = paths(config).caKey;
  expect(at({ api_cert, api_key: wrong })).toEqual([`${api_cert}: ${wrong} is not its key`]);
  expect(at({ api_cert, api_key }, addDays(notAfter, -14.1))).toEqual([]);
  expect(at({ api_cert, api_key }, addDays(notAfter, -13.9))).toEqual([
    `${api_cert}: expires ${opensslTime(notAfter)}`,
  ]);
  expect(at({ api_cert, api_key }, addDays(notAfter, 1))).toEqual([
    `${api_cert}: expired ${opensslTime(notAfter)}`,
  ]);
});
