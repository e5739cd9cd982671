/** The program update-ctrl-exec-serial from its source, for agents inside a test's own process. */
import { main } from "../../src/cli/main.ts";

process.exit(await main("update-ctrl-exec-serial", process.argv.slice(2)));
