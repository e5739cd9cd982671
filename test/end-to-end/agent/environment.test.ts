import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Authority } from "../../support/authority.ts";
import { Running } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { ask, controllerIdentity, post, statusOf } from "../../support/raw-agent.ts";

test("T03 neither the environment nor the working directory changes whom the agent trusts or runs", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", { scripts: { env: "env" } });
  await agent.pair();
  const other = await Authority.create({ name: "other" });
  const marker = control.folder.join("loaded");
  const evil = `require("node:fs").writeFileSync(${JSON.stringify(marker)}, "")`;
  control.folder.write("cwd/evil.js", evil);
  control.folder.write("cwd/bunfig.toml", 'preload = ["./evil.js"]\n');
  control.folder.write("cwd/.env", "NODE_TLS_REJECT_UNAUTHORIZED=0\nBASH_ENV=./evil.sh\n");
  control.folder.write("cwd/package.json", '{"main":"./evil.js","imports":{"#x":"./evil.js"}}');
  control.folder.write("cwd/tsconfig.json", '{"compilerOptions":{"paths":{"*":["./evil.js"]}}}');
  const extra = control.folder.write("cwd/other-ca.crt", other.ca.pem);
  await using running = new RunningAgent(
    ["serve", "--config", agent.config, "--log", "stderr"],
    control.folder.join("cwd"),
    {
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
      NODE_EXTRA_CA_CERTS: extra,
      SSL_CERT_FILE: extra,
      HTTPS_PROXY: "http://127.0.0.1:1",
      NODE_OPTIONS: `--require ${control.folder.join("cwd", "evil.js")}`,
    },
  );
  await running.seen(/ACTION=start/);
  const ping = async (identity: Parameters<typeof ask>[1]) =>
    statusOf(await ask(agent.port, identity, post("/ping", {})));
  expect(await ping(controllerIdentity(control))).toBe(200);
  expect(await ping({})).toBe(0);
  expect(await ping(await other.issue("ctrl-exec"))).toBe(0);
  expect(control.folder.has("loaded")).toBe(false);
  const checked = await agent.run("self-ping");
  expect(checked.status).toBe(0);
  expect(readFileSync(agent.path("ctrl-exec-serial"), "utf8")).toMatch(/^[0-9a-f]+\n$/);
});

class RunningAgent extends Running implements AsyncDisposable {
  constructor(args: readonly string[], cwd: string, env: Readonly<Record<string, string>>) {
    super("ctrl-exec-agent", args, { cwd, env });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
