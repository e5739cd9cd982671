/** `metrics_bind` of the API. */
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { TestFolder } from "../../support/folder.ts";
import { LocalApi } from "../../support/local-api.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const folder = new TestFolder();
const file = folder.write("token", `${TOKEN}\n`);
chmodSync(file, 0o600);

afterAll(() => folder[Symbol.dispose]());

const ON_LOOPBACK = ["metrics_bind = 127.0.0.1", "metrics_port = 0"];

function portOf(api: LocalApi): unknown {
  return api.fleet.log.of("metrics-start")[0]?.fields.PORT;
}

async function get(api: LocalApi, path: string, token?: string) {
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const answer = await fetch(`http://127.0.0.1:${portOf(api)}${path}`, { headers });
  return { status: answer.status, text: await answer.text() };
}

test("T34 it has the metrics for who may not use the API, and nothing of the API", async () => {
  await using api = await LocalApi.start(["api_auth_default = deny", ...ON_LOOPBACK]);
  expect((await api.ask("GET", "/metrics")).status).toBe(403);
  const { status, text } = await get(api, "/metrics");
  expect(status).toBe(200);
  expect(text).toContain('ctrl_exec_authorizations_total{action="api",result="deny"} 1\n');
  for (const path of ["/", "/health", "/openapi.json", "/discovery"]) {
    expect(await get(api, path)).toEqual({ status: 404, text: "only /metrics is here\n" });
  }
});

test("with a token only who sends it is answered; a reload takes a new one, and keeps the old one if it is none", async () => {
  await using api = await LocalApi.start([...ON_LOOPBACK, `metrics_token_file = ${file}`]);
  expect((await get(api, "/metrics")).status).toBe(401);
  expect((await get(api, "/metrics", TOKEN)).status).toBe(200);
  const { controller } = api.fleet;
  writeFileSync(file, "short\n");
  expect(() => api.server.reload({ ...controller })).toThrow(
    `Cannot use ${file}: it does not contain`,
  );
  expect((await get(api, "/metrics", TOKEN)).status).toBe(200);
  writeFileSync(file, `new-${TOKEN}`);
  api.server.reload({ ...controller });
  expect((await get(api, "/metrics", TOKEN)).status).toBe(401);
  expect((await get(api, "/metrics", `new-${TOKEN}`)).status).toBe(200);
  writeFileSync(file, `${TOKEN}\n`);
});

describe("T34 it does not start", () => {
  const refused = async (lines: readonly string[]) => {
    const started = LocalApi.start(["metrics_port = 0", ...lines]);
    return await started.then(
      async (api) => {
        await api[Symbol.asyncDispose]();
        return "started";
      },
      ({ code, message }) => `${code}: ${message}`,
    );
  };

  test.each(["0.0.0.0", "::"])("on %s without a token", async (bind) => {
    expect(await refused([`metrics_bind = ${bind}`])).toMatch(
      /^config: Cannot use .*: metrics_bind is .*, which others can reach, and there is no metrics_token_file$/,
    );
  });

  test("with a file of tokens that everybody can read, or that holds none", async () => {
    const others = folder.write("open-token", TOKEN);
    chmodSync(others, 0o644);
    const lines = (path: string) => ["metrics_bind = 127.0.0.1", `metrics_token_file = ${path}`];
    expect(await refused(lines(others))).toContain("every user of this host may open it");
    chmodSync(folder.write("two-tokens", `${TOKEN}\n${TOKEN}\n`), 0o600);
    expect(await refused(lines(folder.join("two-tokens")))).toContain("does not contain one token");
    expect(await refused(lines(folder.join("missing")))).toContain("Cannot read");
  });
});
