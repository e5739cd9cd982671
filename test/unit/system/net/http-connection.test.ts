/** What is told of a request that is still arriving when its connection is closed. */
import { expect, test } from "bun:test";
import { IncomingMessage, ServerResponse } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { HttpConnection } from "../../../../src/system/net/http-connection.ts";
import { listen } from "../../../../src/system/net/listen.ts";

test("who waits for its rest hears that it will never come", async () => {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer(accepted.resolve);
  const client = connect({ host: "127.0.0.1", port: await listen(server, "127.0.0.1", 0) });
  const socket = await accepted.promise;
  server.close();
  const connection = new HttpConnection({
    ...{ raw: socket, socket, peer: "127.0.0.1", refusal: () => "" },
    ...{ idleMs: 60_000, onItsWayMs: 0 },
  });
  const request = new IncomingMessage(socket);
  const broken = connection.begin(request, new ServerResponse(request));
  expect(broken?.aborted).toBe(false);
  connection.close();
  expect(broken?.aborted).toBe(true);
  client.destroy();
});
