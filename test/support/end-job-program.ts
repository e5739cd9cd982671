/**
 * Ends a job as another user or on another kernel would: `<name> <root's pid> <root's start> <grace in ms>`.
 * The start counts from this boot. Prints the outcome as JSON, and how many milliseconds it took.
 */
import { endJob } from "../../src/system/process/end-job.ts";
import { bootId } from "../../src/system/process/process-table.ts";

const [name = "", pid, start, grace] = process.argv.slice(2);
const root = { pid: Number(pid), start: Number(start), boot: bootId() };
const began = performance.now();
const end = await endJob({ name, root, spared: () => [] }, Number(grace));
console.log(JSON.stringify({ end, ms: performance.now() - began }));
