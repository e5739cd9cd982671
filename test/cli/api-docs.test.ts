/** docs/API.md is true: every example is run as it stands there, and prints what stands there. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TestApi } from "../support/api.ts";
import { cleanEnvironment } from "../support/binary.ts";
import { ControlHost } from "../support/fleet.ts";

interface Example {
  readonly command: string;
  /** What the page says it prints; undefined where it says nothing. */
  readonly output: string | undefined;
}

function examples(): Example[] {
  const page = readFileSync(join(import.meta.dir, "../../docs/API.md"), "utf8");
  const blocks = page.matchAll(/^```sh\n([\s\S]*?)^```\n(?:\n```json\n([\s\S]*?)^```)?/gm);
  return [...blocks].map(([, command = "", output]) => ({ command, output }));
}

/** What differs from run to run, and from place to place, made the same; key order left as it is. */
function alike(text: string): unknown {
  return JSON.parse(text, (key, value: unknown) => {
    if (["reqid", "rtt", "expiry", "started", "completed", "version", "path"].includes(key)) {
      return typeof value;
    }
    return value;
  });
}

test("every example of docs/API.md prints what the page says", async () => {
  await using host = await ControlHost.create(["api_port = 0"]);
  const hook = host.folder.script("hook", 'test "$ENVEXEC_TOKEN" = sesame || exit 2');
  const text = readFileSync(host.config, "utf8");
  host.folder.write("control/ctrl-exec.conf", `${text}auth_hook = ${hook}\n`);
  await host.startAgent("web-01", {
    config: ["[tags]", "env = production"],
    scripts: { greet: 'echo "hello $*"' },
  });
  await using api = await TestApi.start(host);
  const all = examples();
  expect(all.length).toBeGreaterThanOrEqual(9);
  for (const { command, output } of all) {
    const child = Bun.spawn(["sh", "-e", "-c", command.replaceAll(":7445", `:${api.port}`)], {
      env: cleanEnvironment({ TOKEN: "sesame" }),
      stdout: "pipe",
      stderr: "pipe",
    });
    const printed = await new Response(child.stdout).text();
    expect(await child.exited, command + (await new Response(child.stderr).text())).toBe(0);
    if (output === undefined) expect(printed).not.toBe("");
    else expect(alike(printed), command).toEqual(alike(output));
  }
});
