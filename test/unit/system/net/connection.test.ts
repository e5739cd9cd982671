import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import {
  connect as connectTls,
  createServer as createTlsServer,
  type TLSSocket,
  type TlsOptions,
} from "node:tls";
import type { Connection } from "../../../../src/system/net/connection.ts";
import { ConnectionFailed } from "../../../../src/system/net/connection-failed.ts";
import { freePort } from "../../../../src/system/net/free-port.ts";
import { listen } from "../../../../src/system/net/listen.ts";
import { connectTcp, listenTcp } from "../../../../src/system/net/tcp.ts";
import { Authority, type HostCredential } from "../../../support/authority.ts";
import { DeadHost } from "../../../support/dead-host.ts";
import { TestFolder } from "../../../support/folder.ts";
import { startSServer } from "../../../support/openssl-peers.ts";

const DAY = 86_400_000;

let ca: Authority;
let client: HostCredential;
beforeAll(async () => {
  ca = await Authority.create();
  client = await ca.issue("ctrl-exec");
});

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

async function listening(server: Server): Promise<number> {
  servers.push(server);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A TLS server that greets whoever it lets in, unless told to do something else. */
function tlsServer(
  options: TlsOptions,
  talk: (socket: TLSSocket) => void = (socket) => socket.end("hello"),
): Promise<number> {
  const server = createTlsServer(
    { requestCert: true, rejectUnauthorized: true, ...options },
    (socket) => {
      socket.on("error", () => undefined);
      talk(socket);
    },
  );
  server.on("tlsClientError", () => undefined);
  return listening(server);
}

async function dial(port: number, credential = client, mayBeAnybody = false) {
  const connection = await connectTcp("127.0.0.1", port, 10_000);
  return { connection, peer: await connection.secureAsClient(credential, 10_000, mayBeAnybody) };
}

async function failure(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConnectionFailed);
  return error instanceof ConnectionFailed ? error.code : "";
}

interface Heard {
  readonly text: string;
  /** The code of what ended the connection; undefined after an orderly end. */
  readonly fault: string | undefined;
}

/** Everything the peer says before it closes. */
async function everything(connection: Connection): Promise<Heard> {
  const { promise, resolve } = Promise.withResolvers<Heard>();
  let text = "";
  connection.read({
    data(chunk) {
      text += chunk.toString("utf8");
    },
    end: () => connection.close(),
    closed: (fault) => resolve({ text, fault: fault?.code }),
  });
  return await promise;
}

test("T21 a write to a peer that has left is over, even while nothing is read from it", async () => {
  const { cert, key } = await ca.issue("web-01");
  const accepted = Promise.withResolvers<Connection>();
  const listener = listenTcp("127.0.0.1", 0, accepted.resolve);
  const peer = connectTls({
    host: "127.0.0.1",
    port: listener.port,
    rejectUnauthorized: false,
    ...client,
  });
  peer.on("error", () => undefined);
  const connection = await accepted.promise;
  await connection.secureAsServer({ cert, key, ca: ca.ca.pem }, 10_000);
  const begun = Promise.withResolvers<void>();
  connection.read({
    data() {
      connection.pause();
      begun.resolve();
    },
    end: () => undefined,
    closed: () => undefined,
  });
  peer.write("x".repeat(20_000_000));
  await begun.promise;
  peer.destroy();
  // The first one is answered with a reset.
  for (let count = 0; count < 1000 && !connection.closed; count++) {
    await connection.write("x");
    await new Promise(setImmediate);
  }
  expect(connection.closed).toBe(true);
  listener.stop();
});

describe.each(["close", "reset"] as const)(
  "%s() tells all that waits before it returns:",
  (way) => {
    function tellsAtOnce(connection: Connection): void {
      let told = 0;
      connection.onClose(() => {
        told += 1;
      });
      connection[way]();
      expect([connection.closed, told]).toEqual([true, 1]);
    }

    test("before the handshake, and within", async () => {
      const port = await listening(createTcpServer((socket) => void socket.on("error", () => {})));
      tellsAtOnce(await connectTcp("127.0.0.1", port, 10_000));
      const connection = await connectTcp("127.0.0.1", port, 10_000);
      const handshake = failure(connection.secureAsClient(client, 60_000));
      tellsAtOnce(connection);
      expect(await handshake).toBe("ECONNRESET");
    });

    test("while the peer does not take what is written", async () => {
      const port = await tlsServer(await ca.issue("web-01"), (socket) => void socket.pause());
      const { connection } = await dial(port);
      const written = connection.write(Buffer.alloc(20_000_000));
      tellsAtOnce(connection);
      await written;
    });
  },
);

test("listening on a link-local address takes the interface, on either kind of socket", async () => {
  const words = "Cannot listen on fe80::1 port 0: it names no interface";
  expect(() => listenTcp("fe80::1", 0, () => undefined)).toThrow(words);
  await expect(listen(createTcpServer(), "fe80::1", 0)).rejects.toThrow(words);
});

test("what is sent to a peer that reads slowly arrives whole", async () => {
  const size = 20_000_000;
  const received = Promise.withResolvers<number>();
  const port = await tlsServer({ ...(await ca.issue("web-01")) }, (socket) => {
    let bytes = 0;
    socket.pause();
    setTimeout(() => socket.resume(), 100);
    socket.on("data", (chunk) => {
      bytes += chunk.length;
      if (bytes === size) received.resolve(bytes);
    });
    socket.on("close", () => received.resolve(bytes));
  });
  const { connection } = await dial(port);
  await connection.write(Buffer.alloc(size));
  expect(await received.promise).toBe(size);
  connection.close();
});

/** The JSON that the script writes, in a process that may open so many files. */
async function withDescriptors(limit: number, script: string): Promise<unknown> {
  const limited = ["/bin/sh", "-c", `ulimit -n ${limit}; exec "$@"`, "sh"];
  const { stdout } = Bun.spawn([...limited, process.execPath, "-e", script]);
  return JSON.parse(await new Response(stdout).text());
}

describe("a TCP connection", () => {
  test("that nobody takes", async () => {
    expect(await failure(connectTcp("127.0.0.1", freePort(), 10_000))).toBe("ECONNREFUSED");
  });

  test("T20 without a descriptor is not a refusal by the other side", async () => {
    const server = createTcpServer(() => undefined);
    const script = `
      import { openSync } from "node:fs";
      import { connectTcp } from ${JSON.stringify(join(import.meta.dir, "../../../../src/system/net/tcp.ts"))};
      const code = () => connectTcp("127.0.0.1", ${await listening(server)}, 1000).then(() => "open", ({ code }) => code);
      const codes = [await code()];
      try {
        for (;;) openSync("/dev/null", "r");
      } catch {}
      codes.push(await code());
      console.log(JSON.stringify(codes));
      process.exit();`;
    expect(await withDescriptors(64, script)).toEqual(["open", "EMFILE"]);
  });

  test("T20 hosts that do not answer hold no descriptors once they are given up", async () => {
    using dead = new DeadHost();
    const script = `
      import { connectTcp } from ${JSON.stringify(join(import.meta.dir, "../../../../src/system/net/tcp.ts"))};
      const codes = [];
      for (let count = 0; count < 70; count += 1) {
        await connectTcp("127.0.0.1", ${dead.port}, 10).catch(({ code }) => codes.push(code));
      }
      console.log(JSON.stringify(codes));
      process.exit();`;
    const codes = await withDescriptors(64, script);
    expect(codes).toEqual(Array(70).fill("ETIMEDOUT"));
  });

  test("T65 waits for a descriptor as long as it may take to connect", async () => {
    const server = createTcpServer(() => undefined);
    const script = `
      import { connectTcp } from ${JSON.stringify(join(import.meta.dir, "../../../../src/system/net/tcp.ts"))};
      const dial = (ms) => connectTcp("127.0.0.1", ${await listening(server)}, ms);
      const open = [];
      for (let count = 0; count < 40; count += 1) open.push(await dial(10_000));
      const codes = [await dial(50).then(() => "open", ({ code }) => code)];
      const waiting = dial(10_000).then(() => "open", ({ code }) => code);
      open[0].close();
      codes.push(await waiting);
      console.log(JSON.stringify(codes));
      process.exit();`;
    expect(await withDescriptors(64, script)).toEqual(["EMFILE", "open"]);
    server.close();
  });

  test("to a host that does not answer", async () => {
    using dead = new DeadHost();
    expect(await failure(connectTcp("127.0.0.1", dead.port, 300))).toBe("ETIMEDOUT");
  });

  test("to a name that does not exist (RFC 2606)", async () => {
    expect(await failure(connectTcp("no-such-host.invalid", 1, 10_000))).toMatch(
      /^(ENOTFOUND|EAI_AGAIN)$/,
    );
  });
});

describe("a server of our CA", () => {
  test.each(["TLSv1.2", "TLSv1.3"] as const)(
    "%s: connects, and shows the server's certificate",
    async (version) => {
      const port = await tlsServer({ ...(await ca.issue("web-01")), maxVersion: version });
      const { connection, peer } = await dial(port);
      expect(peer.subject).toBe("CN=web-01");
      expect(await everything(connection)).toEqual({ text: "hello", fault: undefined });
    },
  );

  test("is not asked for its name here: that is the caller's", async () => {
    const port = await tlsServer(await ca.issue("another-host"));
    const { connection, peer } = await dial(port);
    expect(peer.subject).toBe("CN=another-host");
    connection.close();
  });
});

describe("T01 a server that is not to be trusted", () => {
  test("of another CA", async () => {
    const other = await (await Authority.create()).issue("web-01");
    const port = await tlsServer({ ...other, ca: ca.ca.pem });
    expect(await failure(dial(port))).toMatch(/UNABLE_TO_|SELF_SIGNED|CERT_SIGNATURE_FAILURE/);
  });

  test("whose certificate has expired", async () => {
    const port = await tlsServer(
      await ca.issue("web-01", { now: new Date(Date.now() - 60 * DAY) }),
    );
    expect(await failure(dial(port))).toBe("CERT_HAS_EXPIRED");
  });

  test("whose certificate is not valid yet", async () => {
    const port = await tlsServer(await ca.issue("web-01", { now: new Date(Date.now() + DAY) }));
    expect(await failure(dial(port))).toBe("CERT_NOT_YET_VALID");
  });

  test("T03 and no environment makes it so", async () => {
    const other = await (await Authority.create()).issue("web-01");
    const port = await tlsServer({ ...other, ca: ca.ca.pem });
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
    try {
      expect(await failure(dial(port))).toMatch(/UNABLE_TO_|SELF_SIGNED|CERT_SIGNATURE_FAILURE/);
    } finally {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
    }
  });

  test("is shown all the same to who asks for its certificate to judge it", async () => {
    const other = await (await Authority.create()).issue("web-01");
    const port = await tlsServer({ ...other, requestCert: false, rejectUnauthorized: false });
    const { connection, peer } = await dial(port, client, true);
    expect(peer.subject).toBe("CN=web-01");
    connection.close();
  });
});

describe("a server that does not do its part", () => {
  test.each<[string, (socket: Socket) => void, string]>([
    ["closes at once", (socket) => socket.destroy(), "ECONNRESET"],
    ["resets at once", (socket) => socket.resetAndDestroy(), "ECONNRESET"],
    ["sends no more", (socket) => socket.end(), "ECONNRESET"],
    [
      "closes within the handshake",
      (socket) => socket.once("data", () => socket.destroy()),
      "ECONNRESET",
    ],
    [
      "greets first, as SSH does",
      (socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\n"),
      "ERR_SSL_WRONG_VERSION_NUMBER",
    ],
    [
      "answers in HTTP",
      (socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
      "ERR_SSL_WRONG_VERSION_NUMBER",
    ],
    [
      // A fatal alert, protocol_version: what a server of TLS 1.1 answers.
      "speaks TLS 1.1 at most",
      (socket) => socket.once("data", () => socket.end(Buffer.from("15030200020246", "hex"))),
      "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
    ],
  ])("%s", async (_, talk, code) => {
    const port = await listening(
      createTcpServer((socket) => {
        socket.on("error", () => undefined);
        talk(socket);
      }),
    );
    expect(await failure(dial(port))).toBe(code);
    // The same while the connection waits for its handshake, and nothing is read from it.
    const connection = await connectTcp("127.0.0.1", port, 10_000);
    const heard = Promise.withResolvers<void>();
    connection.onClose(() => heard.resolve());
    await Promise.race([
      heard.promise,
      new Promise(setImmediate).then(() => new Promise(setImmediate)),
    ]);
    expect(await failure(connection.secureAsClient(client, 10_000))).toBe(code);
  });

  test("says nothing until its time is over", async () => {
    const port = await listening(createTcpServer(() => undefined));
    const connection = await connectTcp("127.0.0.1", port, 10_000);
    expect(await failure(connection.secureAsClient(client, 50))).toBe("ETIMEDOUT");
    expect(connection.closed).toBe(true);
  });

  test("refuses our certificate: the alert comes on the first read (TLS 1.3)", async () => {
    using folder = new TestFolder();
    const port = freePort();
    const { cert, key } = await ca.issue("web-01");
    await using _ = await startSServer(port, [
      ...["-cert", folder.write("web.crt", cert), "-key", folder.write("web.key", key)],
      ...["-CAfile", folder.write("ca.crt", ca.ca.pem), "-Verify", "1", "-verify_return_error"],
    ]);
    const stranger = { ...(await (await Authority.create()).issue("ctrl-exec")), ca: ca.ca.pem };
    const { connection } = await dial(port, stranger);
    expect(await everything(connection)).toEqual({
      text: "",
      fault: expect.stringMatching(/ALERT_UNKNOWN_CA/),
    });
  });
});
