import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { ConnectionFailed, connectTcp, secureClient, tlsContext } from "../../src/system/tls.ts";
import { Authority, type HostCredential } from "../support/authority.ts";
import { freePort } from "../support/folder.ts";

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

/** A TLS server that greets whoever it lets in. */
function tlsServer(options: TlsOptions): Promise<number> {
  const server = createTlsServer(
    { requestCert: true, rejectUnauthorized: true, ...options },
    (socket) => {
      socket.on("error", () => undefined);
      socket.end("hello");
    },
  );
  server.on("tlsClientError", () => undefined);
  return listening(server);
}

const dial = async (port: number, credential = client, verifyChain = true) =>
  secureClient(await connectTcp("127.0.0.1", port, 10_000), {
    context: tlsContext(credential),
    verifyChain,
  });

async function failure(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConnectionFailed);
  return error instanceof ConnectionFailed ? error.code : "";
}

/** Everything the peer says before it closes. */
async function everything(socket: Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return text;
}

describe("a TCP connection", () => {
  test("that nobody takes", async () => {
    expect(await failure(connectTcp("127.0.0.1", await freePort(), 10_000))).toBe("ECONNREFUSED");
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
      const { socket, peer } = await dial(port);
      expect(peer.subject).toBe("CN=web-01");
      expect(socket.getProtocol()).toBe(version);
      expect(await everything(socket)).toBe("hello");
    },
  );

  test("is not asked for its name here: that is the caller's", async () => {
    const port = await tlsServer(await ca.issue("another-host"));
    const { socket, peer } = await dial(port);
    expect(peer.subject).toBe("CN=another-host");
    socket.destroy();
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
    const { socket, peer } = await dial(port, client, false);
    expect(peer.subject).toBe("CN=web-01");
    socket.destroy();
  });
});

describe("a server that does not do its part", () => {
  test("closes before the handshake", async () => {
    const port = await listening(createTcpServer((socket) => socket.destroy()));
    expect(await failure(dial(port))).toMatch(/^(ECONNRESET|EPIPE|)$/);
  });

  test("speaks something else", async () => {
    const port = await listening(
      createTcpServer((socket) => {
        socket.on("error", () => undefined);
        socket.end("SSH-2.0-OpenSSH_9.2\r\n");
      }),
    );
    expect(await failure(dial(port))).toMatch(/SSL|ECONNRESET/);
  });

  test("speaks TLS 1.1 at most", async () => {
    const port = await listening(
      createTcpServer((socket) => {
        socket.on("error", () => undefined);
        // A fatal alert, protocol_version: what a server of TLS 1.1 answers.
        socket.once("data", () => socket.end(Buffer.from("1503020002" + "0246", "hex")));
      }),
    );
    expect(await failure(dial(port))).toMatch(/SSL|ECONNRESET/);
  });

  test("refuses our certificate: the alert comes on the first read (TLS 1.3)", async () => {
    const port = await tlsServer(await ca.issue("web-01"));
    const stranger = { ...(await (await Authority.create()).issue("ctrl-exec")), ca: ca.ca.pem };
    const heard = await dial(port, stranger).then(
      async ({ socket }) => {
        const { promise, resolve } = Promise.withResolvers<string>();
        socket.on("data", () => resolve("hello"));
        socket.on("error", () => resolve("error"));
        socket.on("close", () => resolve("closed"));
        return await promise;
      },
      () => "refused",
    );
    expect(heard).not.toBe("hello");
  });
});

test("a late error of a connection does not end the process", async () => {
  const port = await tlsServer(await ca.issue("web-01"));
  const { socket } = await dial(port);
  expect(() => socket.emit("error", new Error("late"))).not.toThrow();
  socket.destroy();
});
