/** A shim that takes its time: `slow-shim.ts FOLDER` notes that it runs, and begins once there is `go`, or fails. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serveAgent } from "../../src/agent/shim/shim.ts";

const [folder = ""] = process.argv.slice(2);
const has = (name: string) => existsSync(join(folder, name));
writeFileSync(join(folder, `shim-${process.pid}`), "");
while (!has("go") && !has("fail")) await Bun.sleep(5);
if (has("fail")) process.exit(1);
await serveAgent(Bun.stdin.stream(), Bun.stdout.writer());
