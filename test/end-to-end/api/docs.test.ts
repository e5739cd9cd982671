/** docs/API.md is true: every example is run as it stands there, and prints what stands there. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestApi } from "../../support/api.ts";
import { cleanEnvironment, runProgram } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";

/** A command, and behind it, or behind a sentence that introduces it, what it prints. */
const EXAMPLE = /^```sh\n([\s\S]*?)^```\n(?:\n(?:[^`\n#|].*\n\n)?```json\n([\s\S]*?)^```)?/gm;

interface Example {
  readonly command: string;
  /** What the page says it prints; undefined where it says nothing. */
  readonly output: string | undefined;
}

function examples(): Example[] {
  const page = readFileSync(join(import.meta.dir, "../../../docs/API.md"), "utf8");
  const blocks = [...page.matchAll(EXAMPLE)];
  // No answer on the page stands where nothing is compared with it.
  const answers = page.match(/^```json$/gm) ?? [];
  expect(blocks.filter(([, , output]) => output !== undefined)).toHaveLength(answers.length);
  return blocks.map(([, command = "", output]) => ({ command, output }));
}

const OF_THE_MOMENT: readonly string[] = [
  ...["reqid", "rtt", "expiry", "started", "ended", "completed", "version", "path"],
  ...["address", "port"],
  // Of join tokens.
  ...["token", "id", "created", "expires"],
];

/** What differs from run to run, and from place to place, made the same; key order left as it is. */
function alike(text: string): unknown {
  return JSON.parse(text, (key, value: unknown) => {
    if (OF_THE_MOMENT.includes(key)) return typeof value;
    // The page shows one run, the first.
    if (key === "runs" && Array.isArray(value)) return value.slice(-1);
    // Of a script that ends at once.
    return key === "status" && value === "not-running" ? "ended" : value;
  });
}

/** As the program prints it, with its file of tokens in the test's folder. */
async function useExampleHook(host: ControlHost): Promise<void> {
  const { out, status } = await runProgram("ctrl-exec", ["asset", "auth-hook"]);
  expect(status).toBe(0);
  const tokens = host.folder.join("auth-tokens");
  const hook = host.folder.script("hook", out.replace("/etc/ctrl-exec/auth-tokens", tokens));
  host.addLines([`auth_hook = ${hook}`, "auth_hook_json = yes"]);
}

const sha256 = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");

test("every example of docs/API.md, with the example hook, prints what the page says", async () => {
  await using host = await ControlHost.create(["api_port = 0", "api_admin = yes"]);
  await useExampleHook(host);
  const users = [`${sha256("sesame")} alice greet,not-listed`, `${sha256("wand")} carol *`];
  host.folder.write("auth-tokens", `${users.join("\n")}\n`);
  await host.startAgent("web-01", {
    config: ["[tags]", "env = production"],
    scripts: { greet: 'echo "hello $*"' },
  });
  await using api = await TestApi.start(host);
  const all = examples();
  expect(all.length).toBeGreaterThanOrEqual(9);
  for (const { command, output } of all) {
    const child = Bun.spawn(["sh", "-e", "-c", command.replaceAll(":7445", `:${api.port}`)], {
      env: cleanEnvironment({ TOKEN: "sesame", ADMIN_TOKEN: "wand" }),
      stdout: "pipe",
      stderr: "pipe",
    });
    const printed = await new Response(child.stdout).text();
    expect(await child.exited, command + (await new Response(child.stderr).text())).toBe(0);
    if (output === undefined) expect(printed).not.toBe("");
    else expect(alike(printed), command).toEqual(alike(output));
  }
});

test("T25 the example hook as it is: the command line runs scripts, the API runs and tells nothing", async () => {
  await using host = await ControlHost.create(["api_port = 0"]);
  await useExampleHook(host);
  const ran = host.folder.join("ran");
  await host.startAgent("web-01", { scripts: { mark: `touch ${ran}` } });
  await using api = await TestApi.start(host);
  const order = { hosts: ["web-01"], script: "mark", username: "root" };
  for (const headers of [{}, { Authorization: "Bearer x" }]) {
    expect((await api.post("/run", order, headers)).json).toEqual({
      ok: false,
      error: "bad credentials",
      detail: "the request is refused: bad credentials",
      code: 2,
    });
    expect((await api.get("/openapi-live.json", headers)).status).toBe(403);
  }
  expect(existsSync(ran)).toBe(false);
  expect((await host.run("run", ["web-01", "mark"])).status).toBe(0);
  expect(existsSync(ran)).toBe(true);
});

test("the live document offers no script that a run would not start", async () => {
  await using host = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  const agent = await host.startAgent("web-01", { scripts: { good: "exit 0", bad: "exit 0" } });
  writeFileSync(agent.path("scripts/bad.sh"), "exit 0\n");
  await using api = await TestApi.start(host);
  const { json } = await api.get("/openapi-live.json");
  expect(JSON.stringify(json)).toContain('"enum":["good"]');
});
