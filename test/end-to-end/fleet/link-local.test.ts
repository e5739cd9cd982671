/** Hosts that have no address but a link-local one: paired, called, named and locked with their interface. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { programPath, runCommand } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { mayHaveNetwork, NETWORK } from "../../support/network.ts";

/** One network is one process's: all of it happens in one shell. */
const SESSION = `
  control() { mode=$1; shift; "$CONTROL" "$mode" --config "$CONF" --log "$LOG" "$@"; }
  agent() { mode=$1; shift; "$AGENT" "$mode" --config "$AGENT_CONF" "$@"; }
  until_seen() { until grep -qs "$1" "$2"; do sleep 0.05; done; }
  "$CONTROL" pairing-mode --config "$CONF" --log stderr 2>"$LOGS/pairing" >/dev/null &
  desk=$!
  until_seen 'requests on port' "$LOGS/pairing"
  port=$(sed -n 's/.*requests on port \\([0-9]*\\).*/\\1/p' "$LOGS/pairing")
  agent request-pairing --dispatcher fe80::1%d0 --port "$port" --hostname web-01 --log stderr >/dev/null 2>&1 &
  asking=$!
  until control list-requests --json 2>/dev/null | grep -q web-01; do sleep 0.05; done
  echo "requests $(control list-requests --json)"
  id=$(control list-requests --json | sed 's/.*"id":"\\([0-9a-f]*\\)".*/\\1/')
  control approve "$id" --lookup-by ip >/dev/null 2>&1
  wait "$asking"
  echo "paired $?"
  agent serve --log stderr 2>"$LOGS/agent" >/dev/null &
  serving=$!
  until_seen ACTION=start "$LOGS/agent"
  echo "listed $(control list-agents --json)"
  for host in web-01 fe80::1%d0 "[fe80::1%d0]:$AGENT_PORT" FE80:0::1%d0 fe80::1 fe80::1%d0alt fe80::1%1; do
    echo "ping $host $(control ping "$host" --port "$AGENT_PORT" --json 2>&1)"
  done
  echo "run $(control run fe80::1%d0 hello --port "$AGENT_PORT" --json)"
  echo "peers $(sed -n 's/.*ACTION=ping .*PEER=\\([^ ]*\\).*/\\1/p' "$LOGS/agent" | sort -u)"
  kill $desk $serving
  wait
`;

test("T67 a host of a link is paired, called and run with the interface that it is on", async () => {
  await using control = await ControlHost.create(["api_port = 0"]);
  const agent = await control.addAgent("web-01", {
    config: ["bind = ::"],
    scripts: { hello: "true" },
  });
  // In an ordinary user's namespace root's folders belong to nobody, and are refused for that. There, and where
  // none may be made, what is said before anything is sent must do.
  if (process.getuid?.() !== 0 || !(await mayHaveNetwork())) {
    const { status, err } = await control.run("ping", ["fe80::1"]);
    expect(status).toBe(1);
    expect(err).toContain("cannot call [fe80::1]:7443: a link-local address is on every interface");
    expect((await control.run("ping", ["fe80::1%1"])).status).toBe(2);
    return;
  }
  const everywhere = readFileSync(control.config, "utf8").replace("127.0.0.1", "::");
  control.folder.write("control/ctrl-exec.conf", everywhere);
  const { out, err } = await runCommand(["sh", "-c", SESSION], {
    network: [...NETWORK, "ip link property add dev d0 altname d0alt"],
    env: {
      CONTROL: programPath("ctrl-exec"),
      AGENT: programPath("ctrl-exec-agent"),
      CONF: control.config,
      AGENT_CONF: agent.config,
      AGENT_PORT: String(agent.port),
      LOGS: control.folder.path,
      LOG: control.log.path,
    },
  });
  expect(err).toBe("");
  const said = (start: string) =>
    JSON.parse(
      out
        .split("\n")
        .find((line) => line.startsWith(`${start} `))
        ?.slice(start.length + 1) ?? "null",
    );
  expect(said("requests")).toMatchObject([{ hostname: "web-01", ip: "fe80::1%d0" }]);
  expect(said("paired")).toBe(0);
  expect(said("listed")).toMatchObject([{ hostname: "web-01", ip: "fe80::1%d0" }]);
  for (const host of ["web-01", "fe80::1%d0", `[fe80::1%d0]:${agent.port}`, "FE80:0::1%d0"]) {
    expect(said(`ping ${host}`)).toMatchObject({ results: [{ status: "ok" }] });
  }
  const refused = (host: string) => said(`ping ${host}`).results[0].error;
  expect(refused("fe80::1")).toContain(
    "a link-local address is on every interface, and this one names none. Name it: fe80::1%eth0",
  );
  // One host has one spelling: an auth hook may know that one alone.
  expect(refused("fe80::1%d0alt")).toContain("this host has no interface named d0alt");
  expect(said("ping fe80::1%1").error).toBe('"fe80::1%1" is not a host, host:port or address');
  expect(said("run")).toMatchObject({ results: [{ host: "fe80::1%d0", exit: 0 }] });
  expect(out).toContain("\npeers fe80::1%d0\n");
});
