/** Calls this host at each of its arguments, and writes as JSON whom each side of a connection has for the other. */
import { createServer, type Socket } from "node:net";
import { listen } from "../../src/system/net/listen.ts";
import { peerAddress } from "../../src/system/net/peer-address.ts";
import { connectTcp, listenTcp } from "../../src/system/net/tcp.ts";

const seen: unknown[] = [];
for (const address of process.argv.slice(2)) {
  const accepted = Promise.withResolvers<string>();
  const listening = listenTcp("::", 0, (connection) => accepted.resolve(connection.address));
  const node = Promise.withResolvers<string>();
  const server = createServer((socket: Socket) => node.resolve(peerAddress(socket)));
  const port = await listen(server, "::", 0);
  const connection = await connectTcp(address, listening.port, 10_000);
  await connectTcp(address, port, 10_000);
  seen.push({
    dialled: connection.address,
    accepted: await accepted.promise,
    node: await node.promise,
  });
}
process.stdout.write(JSON.stringify(seen));
process.exit();
