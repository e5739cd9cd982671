import { expect, test } from "bun:test";
import { connect, createServer } from "node:tls";
import { watchSentBytes } from "../../../../src/controller/pairing/reading.ts";
import { listen } from "../../../../src/system/net/listen.ts";
import { Authority } from "../../../support/authority.ts";

/** Two requests, each of the longest head and the longest body (docs/PROTOCOL.md, section 1). */
const ALLOWED = 2 * (8192 + 65_536);

test("T21 a peer may send what two requests take, and not a byte more", async () => {
  const { cert, key } = await (await Authority.create()).issue("ctrl-exec");
  const arrived = Promise.withResolvers<void>();
  const tooMany = Promise.withResolvers<void>();
  const more = Promise.withResolvers<void>();
  let complaints = 0;
  const server = createServer({ cert, key }, (socket) => {
    watchSentBytes(socket, () => {
      complaints += 1;
      tooMany.resolve();
    });
    let bytes = 0;
    socket.on("data", (chunk) => {
      bytes += chunk.length;
      if (bytes === ALLOWED) arrived.resolve();
      if (bytes === ALLOWED + 2) more.resolve();
    });
  });
  const port = await listen(server, "127.0.0.1", 0);
  const peer = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  peer.write(Buffer.alloc(ALLOWED));
  await arrived.promise;
  expect(complaints).toBe(0);
  peer.write("x");
  await tooMany.promise;
  peer.write("x");
  await more.promise;
  expect(complaints).toBe(1);
  peer.destroy();
  server.close();
});
