/** Lists all runs of a state folder from a process of its own. */
import { openFileStore } from "../../src/controller/store/file-store.ts";
import { parseControllerConfig } from "../../src/core/config/controller-config.ts";

const [stateDir = ""] = process.argv.slice(2);
const { config } = await parseControllerConfig("x.conf", `state_dir = ${stateDir}\n`);
const log = ({ event }: { readonly event: string }) => process.stderr.write(`${event}\n`);
const { runs } = openFileStore({ config, log, now: () => new Date() });
process.stdout.write(JSON.stringify(await runs.list({ limit: 100_000 })));
