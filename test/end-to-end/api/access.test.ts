/** Who may do what over HTTP: the hook is asked once, is told everything, and has the last word. */
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { TestApi } from "../../support/api.ts";
import { ControlHost } from "../../support/fleet.ts";

interface HookCall {
  readonly input: Record<string, unknown>;
  readonly env: Record<string, string>;
}

/** A hook that writes down what it is told and ends with the status that the token names. */
function recordingHook(host: ControlHost): { path: string; calls: () => HookCall[] } {
  const file = host.folder.join("hook-calls");
  const path = host.folder.script(
    "hook",
    [
      `{ cat; echo; env -0 | grep -z '^ENVEXEC_' | base64 -w0; echo; } >>${file}`,
      'case "$ENVEXEC_TOKEN" in exit-*) exit "$(echo "$ENVEXEC_TOKEN" | cut -c6-)";; esac',
      "exit 0",
    ].join("\n"),
  );
  const calls = () => {
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
    return lines.flatMap((line, index) => {
      if (index % 2 === 1) return [];
      const pairs = Buffer.from(lines[index + 1] ?? "", "base64")
        .toString("utf8")
        .split("\0");
      const env = pairs
        .filter((pair) => pair !== "")
        .map((pair) => {
          const at = pair.indexOf("=");
          return [pair.slice(0, at), pair.slice(at + 1)] as const;
        });
      return [{ input: JSON.parse(line) as Record<string, unknown>, env: Object.fromEntries(env) }];
    });
  };
  return { path, calls };
}

async function hostWithHook(lines: readonly string[] = []) {
  const host = await ControlHost.create(["api_port = 0", ...lines]);
  const hook = recordingHook(host);
  const text = readFileSync(host.config, "utf8");
  host.folder.write("control/ctrl-exec.conf", `${text}auth_hook = ${hook.path}\n`);
  return { host, hook };
}

const ROUTES: [method: string, path: string, body: unknown, action: string, route: string][] = [
  ["GET", "/", undefined, "api", "GET /"],
  ["HEAD", "/health", undefined, "api", "GET /health"],
  ["GET", "/health", undefined, "api", "GET /health"],
  ["POST", "/ping", { hosts: ["127.0.0.1:1"] }, "ping", "POST /ping"],
  ["POST", "/run", { hosts: ["127.0.0.1:1"], script: "x" }, "run", "POST /run"],
  ["POST", "/run", { hosts: ["127.0.0.1:1"], script: "x", dry_run: true }, "run", "POST /run"],
  ["GET", "/discovery", undefined, "ping", "GET /discovery"],
  ["POST", "/discovery", { hosts: ["127.0.0.1:1"] }, "ping", "POST /discovery"],
  ["GET", "/openapi.json", undefined, "api", "GET /openapi.json"],
  ["GET", "/openapi-live.json", undefined, "api", "GET /openapi-live.json"],
  ["GET", "/status/0123456789abcdef", undefined, "api", "GET /status/{reqid}"],
  ["GET", "/runs?limit=5", undefined, "read", "GET /runs"],
  ["GET", "/runs/0123456789abcdef", undefined, "read", "GET /runs/{reqid}"],
  ["POST", "/runs/0123456789abcdef/cancel", {}, "cancel", "POST /runs/{reqid}/cancel"],
  ["GET", "/runs/0123456789abcdef/events", undefined, "read", "GET /runs/{reqid}/events"],
  ["GET", "/events?runs=0123456789abcdef", undefined, "read", "GET /events"],
  [
    "GET",
    "/runs/0123456789abcdef/output/web-01",
    undefined,
    "read",
    "GET /runs/{reqid}/output/{host}",
  ],
];

describe("the auth hook", () => {
  test("T25 every route asks it exactly once, with its action and its route", async () => {
    const { host, hook } = await hostWithHook();
    await using _ = host;
    await using api = await TestApi.start(host);
    for (const [index, [method, path, body, action, route]] of ROUTES.entries()) {
      await api.ask(method, path, body);
      const calls = hook.calls();
      expect(calls, `${method} ${path}`).toHaveLength(index + 1);
      expect(calls.at(-1)?.input).toMatchObject({ action, route, via: "api" });
      expect(calls.at(-1)?.env).toMatchObject({
        ENVEXEC_ACTION: action,
        ENVEXEC_ROUTE: route,
        ENVEXEC_VIA: "api",
      });
    }
  });

  test("T25 no route answers a web page, and the hook is not asked", async () => {
    const { host, hook } = await hostWithHook(["api_auth_default = allow"]);
    await using _ = host;
    await using api = await TestApi.start(host);
    for (const [method, path, body] of ROUTES) {
      for (const origin of ["http://evil.example:7445", "null"]) {
        const { status, text } = await api.ask(method, path, body, { Origin: origin });
        expect(status, `${method} ${path}`).toBe(403);
        if (method !== "HEAD") expect(text).toContain("not for web pages");
      }
    }
    expect(hook.calls()).toEqual([]);
    await api.running.seen(/ORIGIN=http:\/\/evil\.example:7445 REASON="not for web pages"/);
  });

  test("T25 no route answers to a name that was made to point here, and the hook is not asked", async () => {
    const { host, hook } = await hostWithHook(["api_hosts = api.example.com"]);
    await using _ = host;
    await using api = await TestApi.start(host);
    for (const [method, path, body] of ROUTES) {
      const { status, text } = await api.ask(method, path, body, { Host: "evil.example:7445" });
      expect(status, `${method} ${path}`).toBe(403);
      if (method !== "HEAD") expect(text).toContain("this Host is not in api_hosts");
    }
    expect(hook.calls()).toEqual([]);
    await api.running.seen(/HOST=evil\.example:7445 .*REASON="this Host is not in api_hosts"/);
    for (const name of ["api.example.com", "localhost:1", "[::1]"]) {
      expect((await api.get("/health", { Host: name })).status, name).toBe(200);
    }
  });

  test("T25 every route says 403 with the hook's code when it refuses", async () => {
    const { host } = await hostWithHook();
    await using _ = host;
    await using api = await TestApi.start(host);
    for (const [method, path, body] of ROUTES) {
      if (method === "HEAD") continue;
      const answer = await api.ask(method, path, body, { Authorization: "Bearer exit-3" });
      expect([path, answer.status]).toEqual([path, 403]);
      expect(answer.json).toEqual({
        ...{ ok: false, error: "insufficient privilege", code: 3 },
        detail: "the request is refused: insufficient privilege",
      });
    }
    const denied = await api.get("/health", { Authorization: "Bearer exit-1" });
    expect(denied.json).toEqual({
      ...{ ok: false, error: "denied", code: 1 },
      detail: "the request is refused",
    });
    const bad = await api.get("/health", { Authorization: "Bearer exit-2" });
    expect(bad.json).toEqual({
      ...{ ok: false, error: "bad credentials", code: 2 },
      detail: "the request is refused: bad credentials",
    });
  });

  test("is told script, hosts, args, username and token; the header's token wins", async () => {
    const { host, hook } = await hostWithHook();
    await using _ = host;
    await using api = await TestApi.start(host);
    await api.post(
      "/run",
      {
        hosts: ["127.0.0.1:1", "[::1]:1"],
        script: "deploy",
        args: ["a b", "-c"],
        username: "alice",
        token: "from-body",
      },
      { Authorization: "bearer from-header" },
    );
    const [call] = hook.calls();
    expect(call?.input).toMatchObject({
      action: "run",
      script: "deploy",
      hosts: ["127.0.0.1", "::1"],
      args: ["a b", "-c"],
      username: "alice",
      token: "from-header",
      source_ip: "127.0.0.1",
    });
    expect(call?.env.ENVEXEC_ARGS_JSON).toBe('["a b","-c"]');
    await api.post("/ping", { hosts: ["127.0.0.1:1"], token: "from-body" });
    expect(hook.calls().at(-1)?.env.ENVEXEC_TOKEN).toBe("from-body");
  });

  test("every route takes the user's name from a header, which wins over the body's", async () => {
    const { host, hook } = await hostWithHook();
    await using _ = host;
    await using api = await TestApi.start(host);
    for (const [method, path, body] of ROUTES) {
      const named = typeof body === "object" ? { ...body, username: "mallory" } : undefined;
      await api.ask(method, path, named, { "X-Ctrl-Exec-Username": "alice" });
      expect(hook.calls().at(-1)?.env, `${method} ${path}`).toMatchObject({
        ENVEXEC_USERNAME: "alice",
      });
    }
    // An empty one too: a proxy says so that it knows nobody.
    const order = { hosts: ["127.0.0.1:1"], username: "mallory" };
    await api.post("/ping", order, { "X-Ctrl-Exec-Username": "" });
    expect(hook.calls().at(-1)?.input).toMatchObject({ username: "" });
  });

  test("headers are read as UTF-8, and one that stands twice is refused before it is asked", async () => {
    const { host, hook } = await hostWithHook();
    await using _ = host;
    await using api = await TestApi.start(host);
    const ask = async (...headers: string[]) => {
      const head = ["GET /health HTTP/1.1", "Host: 127.0.0.1", "Connection: close", ...headers];
      return await api.raw(Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1"));
    };
    const utf8 = Buffer.from("Zoë", "utf8").toString("latin1");
    const named = await ask(`X-Ctrl-Exec-Username: ${utf8}`, `Authorization: Bearer ${utf8}`);
    expect(named).toStartWith("HTTP/1.1 200 ");
    expect(hook.calls().at(-1)?.input).toMatchObject({ username: "Zoë", token: "Zoë" });
    const refused: [detail: string, headers: string[]][] = [
      ["2 headers X-Ctrl-Exec-Username", ["X-Ctrl-Exec-Username: a", "x-ctrl-exec-username: b"]],
      ["2 headers Authorization", ["Authorization: Bearer a", "Authorization: Bearer b"]],
      ["not UTF-8", ["X-Ctrl-Exec-Username: Zo\xeb"]],
      ["more than 8192 characters", [`X-Ctrl-Exec-Username: ${"x".repeat(8193)}`]],
    ];
    for (const [detail, headers] of refused) {
      const answer = await ask(...headers);
      expect(answer).toStartWith("HTTP/1.1 400 ");
      expect(answer).toContain(detail);
    }
    expect(hook.calls()).toHaveLength(1);
  });

  test("T25 /status: who is refused is told so whatever the run; another's looks like none", async () => {
    await using host = await ControlHost.create(["api_port = 0"]);
    // Everybody sees their own runs; mallory none.
    const hook = host.folder.script(
      "hook",
      [
        'test "$ENVEXEC_USERNAME" != mallory || exit 3',
        'test -z "$ENVEXEC_SUBMITTER" || test "$ENVEXEC_SUBMITTER" = "$ENVEXEC_USERNAME"',
      ].join("\n"),
    );
    host.addLines([`auth_hook = ${hook}`]);
    await using api = await TestApi.start(host);
    const order = { hosts: ["127.0.0.1:1"], script: "deploy", username: "alice" };
    const { reqid } = (await api.post("/run", order)).json as { reqid: string };
    const none = reqid.startsWith("0") ? `1${reqid.slice(1)}` : `0${reqid.slice(1)}`;
    const ask = async (username: string, id: string) => {
      const { status, text } = await api.get(`/status/${id}`, { "X-Ctrl-Exec-Username": username });
      return { status, text: text.replace(id, "") };
    };
    expect((await ask("alice", reqid)).status).toBe(200);
    expect((await ask("bob", reqid)).status).toBe(404);
    expect(await ask("bob", reqid)).toEqual(await ask("bob", none));
    expect((await ask("mallory", reqid)).status).toBe(403);
    expect(await ask("mallory", reqid)).toEqual(await ask("mallory", none));
    const typed = await host.run("status", [reqid, "--username", "bob"]);
    expect(typed.err).toContain(`Cannot find run ${reqid}`);
  });

  test("/status tells it the run and its submitter; its refusal tells nothing of the run", async () => {
    const { host, hook } = await hostWithHook();
    await using _ = host;
    await using api = await TestApi.start(host);
    const order = { hosts: ["127.0.0.1:1"], script: "deploy", username: "alice" };
    const { reqid } = (await api.post("/run", order)).json as { reqid: string };
    expect((await api.get(`/status/${reqid}`)).status).toBe(200);
    expect(hook.calls().at(-1)?.env).toMatchObject({
      ENVEXEC_REQID: reqid,
      ENVEXEC_SUBMITTER: "alice",
    });
    const hidden = await api.get(`/status/${reqid}`, { Authorization: "Bearer exit-1" });
    const other = reqid.startsWith("0") ? `1${reqid.slice(1)}` : `0${reqid.slice(1)}`;
    const refused = await api.get(`/status/${other}`, { Authorization: "Bearer exit-1" });
    expect([hidden.status, refused.status]).toEqual([403, 403]);
    expect(hidden.text).toBe(refused.text);
    expect((await api.get(`/status/${other}`)).status).toBe(404);
    expect(hook.calls().at(-1)?.env).toMatchObject({ ENVEXEC_SUBMITTER: "" });
  });

  test("a request that is refused for its shape does not reach it", async () => {
    const { host, hook } = await hostWithHook();
    await using _ = host;
    await using api = await TestApi.start(host);
    await api.post("/run", { hosts: [] });
    await api.post("/run", "not json");
    await api.ask("DELETE", "/run");
    await api.get("/nothing");
    expect(hook.calls()).toEqual([]);
  });
});

describe("T24 a hook that does not decide refuses", () => {
  const broken: [name: string, body: string | undefined, mode: number, error: RegExp][] = [
    ["missing", undefined, 0, /hook-not-executable/],
    ["not executable", "exit 0", 0o644, /hook-not-executable/],
    ["no program", "#!/nowhere/at/all\n", 0o755, /hook/],
    ["hanging", "sleep 60", 0o755, /timed out/],
    ["killed", "kill -9 $$", 0o755, /killed/],
    ["exiting 255", "exit 255", 0o755, /hook exited 255/],
  ];
  test.each(broken)("%s", async (_, body, mode, error) => {
    await using host = await ControlHost.create(["api_port = 0", "auth_hook_timeout = 1"]);
    const agent = await host.startAgent("web-01", { scripts: { mark: "touch $1" } });
    const path = host.folder.join("hook");
    if (body !== undefined) {
      host.folder.script("hook", body);
      chmodSync(path, mode);
    }
    const text = readFileSync(host.config, "utf8");
    host.folder.write("control/ctrl-exec.conf", `${text}auth_hook = ${path}\n`);
    await using api = await TestApi.start(host);
    const mark = agent.path("mark");
    const answer = await api.post("/run", { hosts: ["web-01"], script: "mark", args: [mark] });
    expect(answer.status).toBe(403);
    // No hint: it names the hook's file (T67).
    const detail = expect.stringMatching(/^the request is refused: /);
    expect(answer.json).toEqual({
      ...{ ok: false, code: 1, error: expect.stringMatching(error), detail },
    });
    expect(existsSync(mark)).toBe(false);
    expect((await api.get("/health")).status).toBe(403);
  });

  test("writing megabytes: its exit status counts, and nothing it wrote", async () => {
    await using host = await ControlHost.create(["api_port = 0"]);
    const path = host.folder.script(
      "hook",
      'head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2; test "$ENVEXEC_TOKEN" = good',
    );
    const text = readFileSync(host.config, "utf8");
    host.folder.write("control/ctrl-exec.conf", `${text}auth_hook = ${path}\n`);
    await using api = await TestApi.start(host);
    expect((await api.get("/health", { Authorization: "Bearer good" })).status).toBe(200);
    expect((await api.get("/health", { Authorization: "Bearer bad" })).status).toBe(403);
  });
});

test("T25 without a hook every route is refused, unless api_auth_default says allow", async () => {
  await using host = await ControlHost.create(["api_port = 0"]);
  await using api = await TestApi.start(host);
  for (const [method, path, body] of ROUTES) {
    const { status, json } = await api.ask(method, path, body);
    expect([path, status]).toEqual([path, 403]);
    if (method === "HEAD") continue;
    expect(json).toEqual({
      ok: false,
      error: "no-hook-deny",
      detail: "the request is refused: no-hook-deny",
      code: 1,
      hint: "ctrl-exec.conf has no auth_hook, and api_auth_default is deny: set one of the two.",
    });
  }
});

test("T27 a token is in no log line, record, error text or process title", async () => {
  const { host } = await hostWithHook();
  await using _ = host;
  // The script prints the whole context that it is given, twice encoded and as it is.
  const agent = await host.startAgent("web-01", {
    scripts: { leak: 'cat; printf "\\377"; cat /proc/$PPID/cmdline', echo: "cat >&2; exit 3" },
  });
  await using api = await TestApi.start(host);
  const token = 'sesame-"7f3a\\9c';
  const ids: string[] = [];
  for (const script of ["leak", "echo"]) {
    const { json } = await api.post("/run", { hosts: ["web-01", "127.0.0.1:1"], script, token });
    ids.push((json as { reqid: string }).reqid);
  }
  const cli = await host.run("run", ["web-01", "leak", "--json"], {
    env: { ENVEXEC_TOKEN: token },
  });
  ids.push((JSON.parse(cli.out) as { results: { reqid: string }[] }).results[0]?.reqid ?? "");
  await api.post("/ping", { hosts: ["web-01"], token, username: 7 });
  const secrets = [token, JSON.stringify(token).slice(1, -1), "7f3a"];
  const written = ids.map((id) =>
    readFileSync(host.folder.join("control", "state", "runs", `${id}.json`), "utf8"),
  );
  const decoded = written.flatMap((text) => {
    const { results } = JSON.parse(text) as { results: { stdout_b64?: string }[] };
    return results.map(({ stdout_b64 = "" }) => Buffer.from(stdout_b64, "base64").toString());
  });
  expect(written.join("")).toContain("[token]");
  expect(decoded.join("")).toContain("[token]");
  const logs = [api.running.err, agent.serving.err, ...host.log.lines.map(({ raw }) => raw)];
  const titles = [api.running, agent.serving].map(({ child }) =>
    readFileSync(`/proc/${child.pid}/cmdline`, "utf8"),
  );
  for (const secret of secrets) {
    for (const text of [...written, ...decoded, ...logs, ...titles]) {
      expect(text).not.toContain(secret);
    }
  }
});
