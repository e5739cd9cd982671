/** Every listening port, as the compiled programs serve it, with a way to each depth of it. */
import { readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { Authority } from "../support/authority.ts";
import { Running } from "../support/binary.ts";
import { ControlHost } from "../support/fleet.ts";
import { http10 } from "../support/peers.ts";
import {
  ask,
  controllerIdentity,
  exchange,
  get,
  type Identity,
  openTcp,
  openTls,
  post,
  statusOf,
} from "../support/raw-agent.ts";
import { REQUEST } from "./seeds.ts";

export interface Port {
  readonly name: string;
  /** The program that listens. */
  readonly program: Running;
  readonly seeds: readonly (string | Buffer)[];
  readonly pieces: readonly string[];
  open(): Socket;
  /** Asks as an honest peer does. @throws Error when it is not served */
  askHonestly(): Promise<void>;
}

const HTTP_PIECES = [
  "\r\n",
  "\r\n\r\n",
  "Content-Length: ",
  "Transfer-Encoding: chunked\r\n",
  "Host: a\r\n",
  "5\r\n",
  "ffffffff\r\n",
  "0\r\n",
  ";x",
  "Expect: 100-continue\r\n",
  "X: y\r\n",
  "{",
  "[",
  '"',
];
const TLS_PIECES = [
  "\x16\x03\x01",
  "\x15\x03\x03\0\x02",
  "\x17\x03\x03\x40\0",
  "\x14\x03\x03\0\x01\x01",
  "\x01\0",
  "\xff\xff",
];

/** A control host with its API, plain and over TLS, its pairing port and two agents. */
export class FuzzedFleet implements AsyncDisposable {
  readonly ports: readonly Port[];
  readonly #control: ControlHost;
  readonly #programs: readonly Running[];

  private constructor(control: ControlHost, programs: readonly Running[], ports: readonly Port[]) {
    this.#control = control;
    this.#programs = programs;
    this.ports = ports;
  }

  static async start(): Promise<FuzzedFleet> {
    // Denied whatever is asked: what a mutation names must not be looked up or dialled.
    const control = await ControlHost.create(["api_port = 0", "api_auth_default = deny"]);
    const hello = await clientHello();
    const agent = await control.startAgent("web-01", { scripts: { say: "echo hello" } });
    const other = await control.addAgent("web-02");
    await other.pair();
    await control.stopPairing();
    const plainApi = await startApi(control.config);
    const tlsApi = await startApi(await tlsConfig(control));
    const pairing = new Running("ctrl-exec", control.withSetting(["pairing-mode"]));
    const [, pairingPort] = await pairing.seen(/Waiting for pairing requests on port (\d+)/);
    const ports = [
      ...agentPorts(agent.serving, agent.port, hello, controllerIdentity(control), {
        cert: readFileSync(other.path("agent.crt"), "utf8"),
        key: readFileSync(other.path("agent.key"), "utf8"),
      }),
      ...pairingPorts(pairing, Number(pairingPort), hello),
      ...apiPorts(plainApi, tlsApi, hello),
    ];
    return new FuzzedFleet(control, [plainApi.program, tlsApi.program, pairing], ports);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) await program.stop();
    await this.#control[Symbol.asyncDispose]();
  }
}

const RUN = { script: "say", args: ["a"], reqid: "0123456789abcdef", username: "x", token: null };

function agentPorts(
  program: Running,
  port: number,
  hello: Buffer,
  controller: Identity,
  agent: Identity,
): Port[] {
  const requests = [
    post("/run", RUN),
    post("/ping", {}),
    get("/capabilities"),
    post("/renew", {}),
    post("/renew-complete", { cert: REQUEST, ca: REQUEST }),
  ];
  const askHonestly = async () =>
    mustBe(200, await ask(port, controller, post("/ping", { reqid: "" })));
  const tls = { program, seeds: requests, pieces: HTTP_PIECES, askHonestly };
  return [
    { ...tls, name: "agent, TCP", seeds: [hello], pieces: TLS_PIECES, open: () => openTcp(port) },
    { ...tls, name: "agent, no certificate", open: () => openTls(port, {}) },
    { ...tls, name: "agent, another agent's certificate", open: () => openTls(port, agent) },
    {
      ...tls,
      name: "agent, the control host's certificate",
      open: () => openTls(port, controller),
    },
  ];
}

function pairingPorts(program: Running, port: number, hello: Buffer): Port[] {
  const request = http10({
    hostname: "web-01",
    csr: REQUEST,
    nonce: "0".repeat(32),
    port: 7443,
  }).replace("HTTP/1.0 200 OK", "POST /pair HTTP/1.0");
  const askHonestly = async () => {
    const socket = openTls(port, {});
    const reply = await exchange(socket, request);
    socket.destroy();
    mustBe(200, reply);
    if (!("body" in reply) || !reply.body.includes("pending"))
      throw new Error("not taken into the queue");
  };
  const tls = { program, pieces: HTTP_PIECES, askHonestly };
  return [
    { ...tls, name: "pairing, TCP", seeds: [hello], pieces: TLS_PIECES, open: () => openTcp(port) },
    { ...tls, name: "pairing, TLS", seeds: [request], open: () => openTls(port, {}) },
  ];
}

interface StartedApi {
  readonly program: Running;
  readonly port: number;
}

function apiPorts(plain: StartedApi, secure: StartedApi, hello: Buffer): Port[] {
  const chunked =
    "POST /run HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
  const requests = [
    post("/run", { hosts: ["web-01"], ...RUN }),
    get("/health"),
    get("/status/0123456789abcdef"),
    chunked,
  ];
  const open = ({ port }: StartedApi) => openTcp(port);
  const overTls = {
    program: secure.program,
    askHonestly: async () => {
      mustBe(403, await ask(secure.port, {}, get("/health")));
    },
  };
  return [
    {
      name: "API, TCP",
      program: plain.program,
      seeds: requests,
      pieces: HTTP_PIECES,
      open: () => open(plain),
      askHonestly: async () => {
        const socket = openTcp(plain.port);
        mustBe(403, await exchange(socket, get("/health")));
        socket.destroy();
      },
    },
    {
      ...overTls,
      name: "API over TLS, TCP",
      seeds: [hello],
      pieces: TLS_PIECES,
      open: () => open(secure),
    },
    {
      ...overTls,
      name: "API over TLS, TLS",
      seeds: requests,
      pieces: HTTP_PIECES,
      open: () => openTls(secure.port, {}),
    },
  ];
}

async function startApi(config: string): Promise<StartedApi> {
  const program = new Running("ctrl-exec-api", ["--config", config, "--log", "stderr"]);
  const [, port] = await program.seen(/ACTION=api-start BIND=\S+ PORT=(\d+)/);
  return { program, port: Number(port) };
}

/** The control host's configuration with TLS for the API. */
async function tlsConfig(control: ControlHost): Promise<string> {
  const { cert, key } = await (await Authority.create()).issue("api");
  const lines = [
    readFileSync(control.config, "utf8"),
    `api_cert = ${control.folder.write("api.crt", cert)}`,
    `api_key = ${control.folder.write("api.key", key, 0o600)}`,
  ];
  return control.folder.write("control/tls-api.conf", `${lines.join("\n")}\n`);
}

/** The first bytes of a TLS connection. */
async function clientHello(): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (bytes) => {
      resolve(Buffer.from(bytes));
      socket.destroy();
    });
  });
  const listening = Promise.withResolvers<void>();
  server.listen({ host: "127.0.0.1", port: 0 }, listening.resolve);
  await listening.promise;
  const address = server.address();
  const client = openTls(typeof address === "object" && address !== null ? address.port : 0, {});
  client.on("error", () => undefined);
  try {
    return await promise;
  } finally {
    client.destroy();
    server.close();
  }
}

function mustBe(status: number, outcome: Parameters<typeof statusOf>[0]): void {
  if (statusOf(outcome) !== status) throw new Error(`answered with ${JSON.stringify(outcome)}`);
}
