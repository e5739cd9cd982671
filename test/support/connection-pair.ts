/** Two ends of one TLS connection, both of them ours. */
import type { Connection } from "../../src/system/net/connection.ts";
import { connectTcp, listenTcp } from "../../src/system/net/tcp.ts";
import type { Authority } from "./authority.ts";

export interface ConnectionPair extends Disposable {
  /** The agent's end. */
  readonly server: Connection;
  /** The control host's end. */
  readonly client: Connection;
}

export async function connectionPair(ca: Authority): Promise<ConnectionPair> {
  const agent = await ca.issue("web-01");
  const accepted = Promise.withResolvers<Connection>();
  const listener = listenTcp("127.0.0.1", 0, accepted.resolve);
  const client = await connectTcp("127.0.0.1", listener.port, 10_000);
  const server = await accepted.promise;
  listener.stop();
  await Promise.all([
    server.secureAsServer({ cert: agent.cert, key: agent.key, ca: ca.ca.pem }, 10_000),
    client.secureAsClient(await ca.issue("ctrl-exec"), 10_000),
  ]);
  const close = () => {
    client.close();
    server.close();
  };
  return { server, client, [Symbol.dispose]: close };
}
