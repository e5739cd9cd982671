/** ctrl-exec-api from its start to its end: TLS, reload, limits, clients that leave, SIGTERM. */
import { describe, expect, test } from "bun:test";
import { readFileSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { TestApi } from "../../support/api.ts";
import { Authority } from "../../support/authority.ts";
import { EventClient } from "../../support/event-client.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";

const OPEN = ["api_port = 0", "api_auth_default = allow"];

interface Status {
  readonly reqid: string;
  readonly complete: boolean;
  readonly pending: string[];
  readonly results: {
    host: string;
    exit: number;
    stdout: string;
    state: string;
    error?: string;
  }[];
}

async function statusOf(api: TestApi, reqid: string): Promise<Status> {
  return (await api.get(`/status/${reqid}`)).json as Status;
}

test("without a certificate of this control host it does not start, and says what to set up", async () => {
  await using host = await ControlHost.create(OPEN);
  rmSync(host.folder.join("control/ctrl-exec.crt"));
  const finished = await host.program("ctrl-exec-api", []);
  expect(finished.err).toMatch(
    /Cannot read \S+ctrl-exec\.crt: no such file or folder\nSet this control host up first: ctrl-exec setup-ca/,
  );
  expect(finished.err).not.toContain("maintain-fail");
  expect(finished.status).toBe(78);
});

describe("TLS", () => {
  test("both files: https only, with that certificate", async () => {
    const host = await tlsHost();
    await using _ = host;
    await using api = await TestApi.start(host, "https");
    expect((await api.get("/health")).status).toBe(200);
    expect(await peerName(api.port)).toBe("CN=first");
    expect(api.logged("api-start")).toMatchObject([{ TLS: "yes" }]);
    expect(await api.raw("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")).not.toContain(
      "200 OK",
    );
  });

  test("one file, or two that do not match, is refused at the start with status 78", async () => {
    const host = await tlsHost();
    await using _ = host;
    const other = await serverPair("other");
    const cases: [setup: () => void, message: RegExp][] = [
      [() => host.folder.write("api.key", other.key, 0o600), /api\.key: it is not the key of/],
      [() => host.folder.write("api.key", other.key, 0o644), /every user of this host may open it/],
      [
        () => setTls(host, [`api_cert = ${host.folder.join("api.crt")}`]),
        /api_cert is set and api_key is not/,
      ],
      [
        () =>
          setTls(host, [
            `api_cert = ${host.folder.write("api.crt", other.cert)}`,
            `api_key = ${host.folder.join("nothing.key")}`,
          ]),
        /nothing\.key: no such file/,
      ],
      [() => host.folder.write("api.crt", "no certificate"), /nothing\.key|api\.crt/],
    ];
    for (const [setup, message] of cases) {
      setup();
      const finished = await host.program("ctrl-exec-api", []);
      expect(finished.err).toMatch(message);
      expect(finished.status).toBe(78);
    }
  });

  test("SIGHUP takes up new files, and no connection or request is lost", async () => {
    const host = await tlsHost();
    await using _ = host;
    await host.startAgent("web-01", { scripts: { slow: "sleep 1; echo done" } });
    await using api = await TestApi.start(host, "https");
    const slow = api.post("/run", { hosts: ["web-01"], script: "slow" });
    const kept = await openTls(api.port);
    const statuses: number[] = [];
    let going = true;
    const asking = Promise.all(
      Array.from({ length: 4 }, async () => {
        while (going) statuses.push((await api.get("/health")).status);
      }),
    );
    const next = await serverPair("second");
    host.folder.write("api.crt", next.cert);
    host.folder.write("api.key", next.key, 0o600);
    api.running.child.kill("SIGHUP");
    await api.running.seen(/ACTION=api-reload/);
    expect(await peerName(api.port)).toBe("CN=second");
    kept.socket.write("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    expect(await kept.next()).toStartWith("HTTP/1.1 200 OK");
    kept.socket.destroy();
    going = false;
    await asking;
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect((await slow).json).toMatchObject({ results: [{ exit: 0, stdout: "done\n" }] });
  });

  test("an event stream comes as it is printed, waits for its reader, and ends when the API does", async () => {
    const host = await tlsHost();
    await using _ = host;
    const flood = 'head -c 30000000 /dev/zero | tr "\\0" x';
    await host.startAgent("web-01", {
      config: ["max_output = 64M"],
      scripts: { flood, twice: 'echo one; until [ -e "$1" ]; do sleep 0.02; done; echo two' },
    });
    await using api = await TestApi.start(host, "https");
    const started = async (script: string, args: readonly string[] = []) => {
      const order = { hosts: ["web-01"], script, args, detach: true };
      return ((await api.post("/run", order)).json as Status).reqid;
    };
    const go = host.folder.join("go");
    const client = new EventClient(`/runs/${await started("twice", [go])}/events`);
    await client.connect(api.url(""));
    await client.seen(({ data }) => data === "one\n");
    const much = await started("flood");
    const { socket } = await openTls(api.port);
    socket.write(`GET /runs/${much}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    socket.pause();
    const held = () => {
      const status = readFileSync(`/proc/${api.running.child.pid}/status`, "utf8");
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    };
    const before = held();
    await until("it is asked for", () =>
      api.logged("api-request").some(({ PATH }) => PATH?.includes(much)),
    );
    for (let n = 0; n < 20; n++) {
      await Bun.sleep(50);
      expect(held() - before).toBeLessThan(32);
    }
    const began = performance.now();
    expect(await api.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(3000);
    socket.destroy();
    await client.ended();
    expect(client.events).toEqual(["start", "stdout"]);
    host.folder.write("go", "");
  }, 30_000);

  test("SIGHUP with files that do not match leaves the old ones in force", async () => {
    const host = await tlsHost();
    await using _ = host;
    await using api = await TestApi.start(host, "https");
    host.folder.write("api.crt", (await serverPair("second")).cert);
    api.running.child.kill("SIGHUP");
    await api.running.seen(/ACTION=reload-fail ERROR="[^\n]*it is not the key of/);
    expect(await peerName(api.port)).toBe("CN=first");
  });
});

/** A certificate of a CA of its own, and its key, PEM. */
async function serverPair(name: string) {
  return await (await Authority.create()).issue(name);
}

async function tlsHost(): Promise<ControlHost> {
  const host = await ControlHost.create(OPEN);
  const { cert, key } = await serverPair("first");
  setTls(host, [
    `api_cert = ${host.folder.write("api.crt", cert)}`,
    `api_key = ${host.folder.write("api.key", key, 0o600)}`,
  ]);
  return host;
}

function setTls(host: ControlHost, lines: readonly string[]): void {
  const text = readFileSync(host.config, "utf8").replaceAll(/^api_(cert|key) =.*\n/gm, "");
  host.folder.write("control/ctrl-exec.conf", `${text}${lines.join("\n")}\n`);
}

async function openTls(port: number) {
  const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("secureConnect", resolve);
  socket.once("error", reject);
  await promise;
  const next = async () => {
    const got = Promise.withResolvers<string>();
    socket.once("data", (chunk) => got.resolve(chunk.toString()));
    return await got.promise;
  };
  return { socket, next };
}

async function peerName(port: number): Promise<string> {
  const { socket } = await openTls(port);
  const name = socket.getPeerX509Certificate()?.subject ?? "";
  socket.destroy();
  return name;
}

test("SIGHUP takes up ctrl-exec.conf, and keeps the old one when the new has an error", async () => {
  await using host = await ControlHost.create(["api_port = 0"]);
  await using api = await TestApi.start(host);
  expect((await api.get("/health")).status).toBe(403);
  const text = readFileSync(host.config, "utf8");
  host.folder.write("control/ctrl-exec.conf", `${text}api_auth_default = allow\n`);
  api.running.child.kill("SIGHUP");
  await api.running.seen(/ACTION=api-reload/);
  expect((await api.get("/health")).status).toBe(200);
  const moved = `${text.replace("api_port = 0", "api_port = 1")}api_auth_default = allow\n`;
  host.folder.write("control/ctrl-exec.conf", moved);
  api.running.child.kill("SIGHUP");
  await api.running.seen(/ACTION=config-warn KEY=api_port MSG="still 0 until a restart"/);
  host.folder.write("control/ctrl-exec.conf", `${text}api_auth_default = perhaps\n`);
  api.running.child.kill("SIGHUP");
  await api.running.seen(/ACTION=reload-fail/);
  expect((await api.get("/health")).status).toBe(200);
});

test("a port that is taken is refused with status 1: systemd tries again, as it does not at 78", async () => {
  await using host = await ControlHost.create(OPEN);
  await using api = await TestApi.start(host);
  const text = readFileSync(host.config, "utf8");
  host.folder.write(
    "control/ctrl-exec.conf",
    text.replace("api_port = 0", `api_port = ${api.port}`),
  );
  const second = await host.program("ctrl-exec-api", []);
  expect(second.status).toBe(1);
  expect(second.err).toContain("another program has that port\n");
  expect(second.err).toContain(`See which one: ss -tlnp "sport = :${api.port}"\n`);
});

describe("in flight", () => {
  test("a client that hangs up does not stop the run, and its record is stored", async () => {
    await using host = await ControlHost.create(OPEN);
    const agent = await host.startAgent("web-01", {
      scripts: { wait: 'touch "$1.here"; until [ -e "$1.go" ]; do sleep 0.05; done; echo done' },
    });
    await using api = await TestApi.start(host);
    const mark = agent.path("mark");
    const body = JSON.stringify({ hosts: ["web-01"], script: "wait", args: [mark] });
    const socket = connect({ port: api.port, host: "127.0.0.1" });
    socket.write(
      `POST /run HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await until(
      "the script runs",
      () => statSync(`${mark}.here`, { throwIfNoEntry: false }) != null,
    );
    socket.destroy();
    const [, reqid = ""] = await api.running.seen(/ACTION=dispatch HOSTS=web-01 REQID=(\w+)/);
    expect(await statusOf(api, reqid)).toMatchObject({ complete: false, pending: ["web-01"] });
    host.folder.write("web-01/mark.go", "");
    await until("the record is complete", async () => (await statusOf(api, reqid)).complete);
    expect((await statusOf(api, reqid)).results).toMatchObject([{ exit: 0, stdout: "done\n" }]);
  });

  test("SIGTERM: nothing new is accepted, what is in flight is answered, status 0", async () => {
    await using host = await ControlHost.create(OPEN);
    await host.startAgent("web-01", { scripts: { slow: "sleep 1; echo done" } });
    await using api = await TestApi.start(host);
    const slow = api.post("/run", { hosts: ["web-01"], script: "slow" });
    await api.running.seen(/ACTION=dispatch/);
    const status = api.stop();
    const answer = await slow;
    expect(answer.json).toMatchObject({ results: [{ exit: 0, stdout: "done\n" }] });
    expect(answer.headers.get("connection")).toBe("close");
    expect(await status).toBe(0);
    expect(api.logged("api-stop")).toHaveLength(1);
    expect(api.get("/health")).rejects.toThrow();
  });

  test("SIGTERM: what is not done after ten seconds is answered and recorded as such", async () => {
    await using host = await ControlHost.create(OPEN);
    const stuck = await host.startAgent("web-01", { scripts: { long: "sleep 60" } });
    await host.startAgent("web-02", { scripts: { long: "echo quick" } });
    await using api = await TestApi.start(host);
    const hosts = ["web-01", "web-02"];
    const long = api.post("/run", { hosts, script: "long" });
    await api.running.seen(/ACTION=dispatch/);
    // It finds the other's lock, or, without locks, goes on like it.
    const apart = await api.post("/run", { hosts: ["web-01"], script: "long", wait: false });
    expect([202, 409]).toContain(apart.status);
    expect(await api.stop()).toBe(0);
    const { reqid, results } = (await long).json as Status;
    expect(results[0]?.error).toContain("ctrl-exec-api stopped before ");
    expect(["running", "unknown"]).toContain(results[0]?.state ?? "");
    expect(results[1]).toMatchObject({ host: "web-02", state: "ended", stdout: "quick\n" });
    const stored = JSON.parse((await host.run("status", [reqid, "--json"])).out) as Status;
    expect(stored).toMatchObject({ complete: false, pending: ["web-01"] });
    expect(stored.results[0]?.state).toBe("running");
    expect(stored.results[1]).toEqual(results[1]);
    await stuck.stop("SIGKILL");
  });

  test("beyond api_max_requests: 429 to the one who holds the places; others get one each, then 503", async () => {
    await using host = await ControlHost.create([...OPEN, "api_max_requests = 2"]);
    const agent = await host.startAgent("web-01", {
      scripts: {
        one: 'until [ -e "$1" ]; do sleep 0.05; done',
        two: 'until [ -e "$1" ]; do sleep 0.05; done',
        three: 'until [ -e "$1" ]; do sleep 0.05; done',
      },
    });
    await using api = await TestApi.start(host);
    const args = [agent.path("go")];
    const held = ["one", "two"].map((script) =>
      api.post("/run", { hosts: ["web-01"], script, args }),
    );
    await api.running.seen(/ACTION=dispatch[\s\S]*ACTION=dispatch/);
    const own = await api.post("/ping", { hosts: ["web-01"] });
    expect([own.status, own.headers.get("retry-after")]).toEqual([429, "1"]);
    expect(own.json).toMatchObject({ ok: false, error: "too many requests" });
    expect(await askFrom("127.0.0.2", api.port)).toStartWith("HTTP/1.1 200 ");
    const order = { hosts: ["web-01"], script: "three", args, wait: false };
    expect(await askFrom("127.0.0.2", api.port, order)).toStartWith("HTTP/1.1 202 ");
    const other = await askFrom("127.0.0.2", api.port);
    expect(other).toStartWith("HTTP/1.1 503 Service Unavailable");
    expect(other).toContain("Retry-After: 1");
    expect((await api.get("/health")).status).toBe(200);
    host.folder.write("web-01/go", "");
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200]);
    expect((await api.post("/ping", { hosts: ["web-01"] })).status).toBe(200);
  });
});

test("a run that nobody waits for holds its place until it has ended", async () => {
  await using host = await ControlHost.create([...OPEN, "api_max_requests = 1"]);
  const agent = await host.startAgent("web-01", {
    scripts: { wait: 'until [ -e "$1" ]; do sleep 0.05; done' },
  });
  await using api = await TestApi.start(host);
  const order = { hosts: ["web-01"], script: "wait", args: [agent.path("go")], wait: false };
  const accepted = await api.post("/run", order);
  expect(accepted.status).toBe(202);
  expect((await api.post("/run", { ...order, script: "other" })).status).toBe(429);
  host.folder.write("web-01/go", "");
  await until("the place is free", async () => (await api.get("/")).status === 200);
});

async function askFrom(localAddress: string, port: number, order?: object): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", localAddress });
  const body = order === undefined ? "" : JSON.stringify(order);
  const head = [
    `${order === undefined ? "GET /" : "POST /run"} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Connection: close",
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
  ];
  socket.write([...head, "", body].join("\r\n"));
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
}

describe("run records", () => {
  test("the command line's run leaves one too, for both faces, mode 0640", async () => {
    await using host = await ControlHost.create(OPEN);
    await host.startAgent("web-01", { scripts: { hello: "echo hello" } });
    const { out } = await host.mustRun("run", ["web-01", "hello", "--json"]);
    const [result] = (JSON.parse(out) as { results: { reqid: string }[] }).results;
    const reqid = result?.reqid ?? "";
    const file = host.folder.join("control", "state", "runs", `${reqid}.json`);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    await using api = await TestApi.start(host);
    const overHttp = (await api.get(`/status/${reqid}`)).json;
    const { status, out: json } = await host.run("status", [reqid, "--json"]);
    expect(status).toBe(0);
    const { ok, ...typed } = JSON.parse(json) as Record<string, unknown>;
    expect(ok).toBe(1);
    expect(overHttp).toEqual({ ok: true, ...typed });
    expect(typed).toMatchObject({ complete: true, submitter: "tester", results: [result] });
    const shown = await host.run("status", [reqid]);
    expect(shown.out).toMatch(
      new RegExp(
        `^==> web-01 {2}\\[OK {2}exit:0 .*req:${reqid}\\]\n    TIME: started at \\S+, ended at \\S+\nhello\n$`,
      ),
    );
    expect(shown.err).toContain("hello: 1 of 1 hosts done");
  });

  test("T17 an id that is not valid is never a path, and not found", async () => {
    await using host = await ControlHost.create(OPEN);
    host.folder.write("control/state/secret.json", "{}");
    await using api = await TestApi.start(host);
    for (const id of [
      "..%2fsecret",
      "../secret",
      "ABCDEF0123456789",
      "0123",
      "..\\secret",
      "%00",
    ]) {
      expect(
        (
          await api.raw(
            `GET /status/${id} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
          )
        ).slice(9, 12),
      ).toBe("404");
      const typed = await host.run("status", [id]);
      // On a command line, an id may be typed in upper case.
      const [status, problem] =
        id === "ABCDEF0123456789" ? [1, "no such run"] : [2, "a run's id is 16 hex digits"];
      expect([id, typed.status]).toEqual([id, status]);
      expect(typed.err).toContain(problem);
    }
  });
});

test("T26 what a client sends cannot forge a log line or a field", async () => {
  await using host = await ControlHost.create(OPEN);
  await using api = await TestApi.start(host);
  const evil = `x"\nctrl-exec[1]: ACTION=run EXIT=0 RESULT="pass\u001b[2J\u2028${"A".repeat(5000)}`;
  await api.post("/run", { hosts: ["127.0.0.1:1"], script: "x", username: evil, args: [evil] });
  await api.get('/x"\u{202e}y=z%0aACTION=run');
  await api.raw('GET /a"b=c HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
  await api.stop();
  const lines = api.running.err.split("\n").filter((line) => line !== "");
  for (const line of lines) {
    expect(line).toMatch(/^ctrl-exec\[\d+\]: ACTION=(?!run EXIT=0)[^\p{Cc}\u2028\u202e]*$/u);
    expect(line.length).toBeLessThan(17_000);
  }
  expect(api.logged("auth")[0]?.USER).toStartWith('x"\nctrl-exec[1]: ACTION=run');
  expect(api.logged("run")).toHaveLength(1);
});
