/** What systemd waits for (Type=notify): the services say when they answer. */
import { expect, test } from "bun:test";
import { TestApi } from "../../support/api.ts";
import { Running } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { DatagramSocket } from "../../support/log-socket.ts";

async function readiness(socket: DatagramSocket): Promise<string | undefined> {
  let said: string | undefined;
  await until("the service says that it is ready", () => {
    said = socket.next();
    return said !== undefined;
  });
  return said;
}

test("the agent says once that it is ready, when it answers, and its scripts cannot", async () => {
  await using host = await ControlHost.create();
  const path = host.folder.join("notify");
  using socket = new DatagramSocket(path);
  await host.startAgent("web-01", {
    env: { NOTIFY_SOCKET: path },
    scripts: { told: 'echo "[$NOTIFY_SOCKET]"' },
  });
  expect(await readiness(socket)).toBe("READY=1");
  const { out, status } = await host.run("run", ["web-01", "told"]);
  expect({ status, out }).toEqual({ status: 0, out: expect.stringContaining("[]") });
  expect(socket.next()).toBeUndefined();
});

test("an agent that cannot start says nothing", async () => {
  await using host = await ControlHost.create();
  const path = host.folder.join("notify");
  using socket = new DatagramSocket(path);
  const args = ["serve", "--config", host.folder.join("none.conf"), "--log", "stderr"];
  const running = new Running("ctrl-exec-agent", args, { env: { NOTIFY_SOCKET: path } });
  expect(await running.child.exited).toBe(78);
  expect(socket.next()).toBeUndefined();
});

test("the API says that it is ready, to a socket without a file as well", async () => {
  await using host = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  const name = `@ctrl-exec-test-${process.pid}-${Date.now()}`;
  using socket = new DatagramSocket(name);
  await using api = await TestApi.start(host, "http", { NOTIFY_SOCKET: name });
  expect(await readiness(socket)).toBe("READY=1");
  expect((await api.get("/health")).status).toBe(200);
});
