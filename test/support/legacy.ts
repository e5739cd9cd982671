/**
 * A control host and an agent as 0.8 leaves them, made only with OpenSSL and the documented files: RSA keys,
 * X.509 v1 certificates, serials that count up, a registry with 0.8's fields.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { freePort } from "../../src/system/net/free-port.ts";
import { programPath } from "./binary.ts";
import type { TestFolder } from "./folder.ts";
import { runOpenssl } from "./openssl-peers.ts";

export interface LegacyHosts {
  readonly controlConfig: string;
  readonly agentConfig: string;
  readonly agentPort: number;
}

/** The control host is serial 02 of the CA, its agent old-01 is 03. */
export async function makeLegacyHosts(folder: TestFolder): Promise<LegacyHosts> {
  const control = (name: string) => folder.join("control", name);
  const agent = (name: string) => folder.join("agent", name);
  for (const path of [control(""), agent("")]) mkdirSync(path);
  await runOpenssl(["genrsa", "-out", control("ca.key"), "2048"]);
  await runOpenssl([
    ...["req", "-new", "-key", control("ca.key"), "-subj", "/CN=dispatcher CA"],
    ...["-out", control("ca.csr")],
  ]);
  await runOpenssl([
    ...["x509", "-req", "-in", control("ca.csr"), "-signkey", control("ca.key")],
    ...["-days", "3650", "-set_serial", "1", "-out", control("ca.crt")],
  ]);
  folder.write("control/ca.serial", "01\n");
  const sign = async (key: string, cert: string, name: string) => {
    await runOpenssl(["genrsa", "-out", key, "2048"]);
    await runOpenssl(["req", "-new", "-key", key, "-subj", `/CN=${name}`, "-out", `${key}.csr`]);
    await runOpenssl([
      ...["x509", "-req", "-in", `${key}.csr`, "-CA", control("ca.crt")],
      ...["-CAkey", control("ca.key"), "-CAserial", control("ca.serial")],
      ...["-days", "365", "-out", cert],
    ]);
  };
  await sign(control("ctrl-exec.key"), control("ctrl-exec.crt"), "ctrl-exec");
  await sign(agent("agent.key"), agent("agent.crt"), "old-01");
  for (const key of [control("ca.key"), control("ctrl-exec.key")]) {
    folder.write(key.slice(folder.path.length + 1), readFileSync(key), 0o600);
  }
  folder.write("agent/agent.key", readFileSync(agent("agent.key")), 0o640);
  folder.write("agent/ca.crt", readFileSync(control("ca.crt")));
  const agentPort = freePort();
  const end = await runOpenssl(["x509", "-noout", "-enddate", "-in", agent("agent.crt")]);
  // 0.8 has no port in its records: the test gives it with the host.
  const record = {
    hostname: "old-01",
    ip: "127.0.0.1",
    paired: "2026-01-05T09:00:00Z",
    expiry: end.trim().replace("notAfter=", ""),
    reqid: "a1b2c3d4e5f60718",
    dispatcher_serial: await serialOf(control("ctrl-exec.crt")),
    serial_status: "current",
    serial_broadcast: null,
    serial_confirmed: "2026-01-05T09:00:00Z",
  };
  folder.write("control/state/agents/old-01.json", JSON.stringify(record), 0o640);
  const rotation = {
    current_serial: record.dispatcher_serial,
    previous_serial: null,
    rotated_at: "2026-01-05T08:00:00Z",
    overlap_expires: "2026-02-04T08:00:00Z",
    overlap_days: 30,
  };
  folder.write("control/state/rotation.json", JSON.stringify(rotation), 0o640);
  folder.write("agent/ctrl-exec-serial", `${record.dispatcher_serial}\n`);
  const update = programPath("update-ctrl-exec-serial");
  const greet = folder.script("agent/greet.sh", "echo hello");
  folder.write("agent/scripts.conf", `greet = ${greet}\nupdate-ctrl-exec-serial = ${update}\n`);
  return {
    agentPort,
    agentConfig: folder.write(
      "agent/agent.conf",
      `port = ${agentPort}\nrate_limit_disable = 1\ncert = ${agent("agent.crt")}\nkey = ${agent("agent.key")}\nca = ${agent("ca.crt")}\n`,
    ),
    controlConfig: folder.write(
      "control/ctrl-exec.conf",
      `cert = ${control("ctrl-exec.crt")}\nkey = ${control("ctrl-exec.key")}\nca = ${control("ca.crt")}\nstate_dir = ${control("state")}\n`,
    ),
  };
}

/** Lower hex with its leading zero, as 0.8 stores it. */
async function serialOf(cert: string): Promise<string> {
  const line = await runOpenssl(["x509", "-noout", "-serial", "-in", cert]);
  return line.trim().replace("serial=", "").toLowerCase();
}
