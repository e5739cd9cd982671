import { expect, test } from "bun:test";
import { appendFileSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { type Finished, Running, runProgram } from "../../support/binary.ts";
import { TestFolder } from "../../support/folder.ts";
import { makeLegacyHosts } from "../../support/legacy.ts";
import { runOpenssl, sClient } from "../../support/openssl-peers.ts";
import { http10 } from "../../support/peers.ts";

test("a control host and an agent that 0.8 set up are taken over in place", async () => {
  using folder = new TestFolder();
  const { controlConfig, agentConfig, agentPort } = await makeLegacyHosts(folder);
  const files = ["ca.key", "ca.crt", "ca.serial"].map((name) => folder.join("control", name));
  const before = files.map((file) => readFileSync(file, "utf8"));
  const control = async (...args: readonly string[]): Promise<Finished> =>
    await runProgram("ctrl-exec", [...args, "--config", controlConfig, "--log", "stderr"]);
  const agent = new Running("ctrl-exec-agent", [
    "serve",
    "--config",
    agentConfig,
    "--log",
    "stderr",
  ]);
  try {
    await agent.seen(/ACTION=start/);
    const listed = await control("list-agents", "--wide");
    expect(listed.out).toMatch(/^old-01 +127\.0\.0\.1 +2026-01-05T09:00:00Z .* current *$/m);
    expect((await control("serial-status")).out).toMatch(/^Current serial: {3}02\n/);
    // 0.8's record is used as it stands: nothing is written for reading it.
    const ran = await control("run", `old-01:${agentPort}`, "greet");
    expect(ran.out).toContain("hello\n");
    expect(ran.status).toBe(0);

    await control("edit-agent", "old-01", "--agent-port", String(agentPort));
    const rotated = await control("rotate-cert");
    expect(rotated.out).toContain("old-01: confirmed\n");
    expect(rotated.out).toContain("Old serial:       02\n");
    const rotation = readFileSync(folder.join("control", "state", "rotation.json"), "utf8");
    expect(JSON.parse(rotation).previous_serial).toBe("02");
    expect((await control("ping", "old-01")).status).toBe(0);
    // 1.0 left the leading zero out of the name.
    const kept = folder.join("control", "credentials");
    expect(readdirSync(kept)).toContain("02.pem");
    renameSync(`${kept}/02.pem`, `${kept}/2.pem`);
    const record = JSON.parse(
      readFileSync(folder.join("control", "state", "agents", "old-01.json"), "utf8"),
    );
    expect(record).toMatchObject({ hostname: "old-01", reqid: "a1b2c3d4e5f60718" });

    // Half a year on, as far as its record says.
    const expiry = "Jan  1 00:00:00 2026 GMT";
    folder.write("control/state/agents/old-01.json", JSON.stringify({ ...record, expiry }), 0o640);
    const { renewed, problems } = JSON.parse((await control("maintain", "--json")).out);
    expect({ renewed, problems }).toEqual({ renewed: ["old-01"], problems: [] });
    expect(readdirSync(kept)).toContain("2.pem");
    expect((await control("run", "old-01", "greet")).status).toBe(0);
    // And of what it noted.
    const issued = folder.join("control", "state", "issued-certificates");
    const noted = readFileSync(issued, "utf8");
    expect(noted).toMatch(/^03 /m);
    writeFileSync(issued, noted.replace(/^03 /m, "3 "));
    const shown = await control("unpair", "old-01", "--revoke");
    expect(shown.out).toContain("Revoked here: ");
    const revoked = readFileSync(folder.join("control", "state", "revoked-serials"), "utf8");
    expect(revoked).toMatch(/^03$/m);
  } finally {
    await agent.stop();
  }
  expect(files.map((file) => readFileSync(file, "utf8"))).toEqual(before);
}, 120_000);

test.each([
  ["pairing-mode", "ctrl-exec", ["pairing-mode"], ""],
  ["ctrl-exec-api, which takes tokens too", "ctrl-exec-api", [], "join = on\napi_port = 0\n"],
] as const)(
  "a 0.8 agent that pairs with %s gets the serial as 0.8 compares it, with its leading zero",
  async (_, program, mode, lines) => {
    using folder = new TestFolder();
    const { controlConfig } = await makeLegacyHosts(folder);
    appendFileSync(controlConfig, `pairing_bind = 127.0.0.1\npairing_port = 0\n${lines}`);
    const setting = ["--config", controlConfig, "--log", "stderr"];
    const pairing = new Running(program, [...mode, ...setting]);
    try {
      const [, port = ""] = await pairing.seen(/ACTION=pairing-mode-start .*PORT=(\d+)/);
      const key = folder.write("new-08.key", await runOpenssl(["genrsa", "2048"]), 0o600);
      const csr = await runOpenssl(["req", "-new", "-key", key, "-subj", "/CN=new-08"]);
      const request = http10({
        hostname: "new-08",
        csr,
        nonce: "00112233445566778899aabbccddeeff",
      });
      const waiting = sClient(
        { port: Number(port) },
        request.replace("HTTP/1.0 200 OK", "POST /pair HTTP/1.0"),
      );
      const [, id = ""] = await pairing.seen(/ACTION=pair-request .*REQID=([0-9a-f]{16})/);
      expect((await runProgram("ctrl-exec", ["approve", id, ...setting])).status).toBe(0);
      expect(await waiting).toContain('"dispatcher_serial":"02"');
      const record = readFileSync(folder.join("control", "state", "agents", "new-08.json"), "utf8");
      expect(JSON.parse(record).dispatcher_serial).toBe("02");
    } finally {
      await pairing.stop();
    }
  },
  120_000,
);
