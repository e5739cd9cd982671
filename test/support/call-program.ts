/**
 * Calls each of its arguments (`address port milliseconds`), and writes as JSON what became of each: the address that
 * answered, or the code. `listen address port` answers there from then on, and writes nothing.
 */
import { connectTcp, listenTcp } from "../../src/system/net/tcp.ts";

const outcomes: string[] = [];
for (const call of process.argv.slice(2)) {
  const [address = "", port, ms] = call.split(" ");
  if (address === "listen") listenTcp(port ?? "", Number(ms), () => undefined);
  else {
    const outcome = await connectTcp(address, Number(port), Number(ms)).then(
      (connection) => connection.address,
      ({ code }) => code,
    );
    outcomes.push(outcome);
  }
}
process.stdout.write(JSON.stringify(outcomes));
process.exit();
