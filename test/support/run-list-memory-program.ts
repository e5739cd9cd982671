/** Lists the runs of a control host and prints how many bytes of memory that took at most, as JSON, with the runs. */
import { readFileSync } from "node:fs";
import { openFileStore } from "../../src/controller/store/file-store.ts";
import { parseControllerConfig } from "../../src/core/config/controller-config.ts";

const [file = "", text = ""] = process.argv.slice(2);
const { config } = await parseControllerConfig(file, text);
const { runs } = openFileStore({ config, log: () => undefined, now: () => new Date() });
Bun.gc(true);
const before = process.memoryUsage.rss();
const listed = await runs.list({ limit: 100_000 });
// Not getrusage(2): a program begins with what the process that started it had.
const [, most = 0] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
console.log(JSON.stringify({ ...listed, took: Number(most) * 1024 - before }));
