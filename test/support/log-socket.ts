/** A real syslog socket: the datagrams as a syslog daemon would get them. */
import { dlopen } from "bun:ffi";
import { until } from "./folder.ts";

const { symbols: libc } = dlopen(
  process.platform === "darwin" ? "libSystem.B.dylib" : "libc.so.6",
  {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
    close: { args: ["i32"], returns: "i32" },
  },
);

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

export interface LogDatagram {
  /** The line as it came. */
  readonly raw: string;
  readonly priority: number;
  readonly tag: string;
  readonly pid: number;
  readonly action: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** A datagram socket that something of ours writes to. */
export class DatagramSocket implements Disposable {
  readonly #descriptor: number;

  /** @param path of the socket; `@name` is one without a file */
  constructor(path: string) {
    this.#descriptor = libc.socket(AF_UNIX, SOCK_DGRAM, 0);
    const abstract = path.startsWith("@");
    const name = Buffer.from(abstract ? `\0${path.slice(1)}` : path, "utf8");
    const address = Buffer.alloc(2 + name.length + (abstract ? 0 : 1));
    address.writeUInt16LE(AF_UNIX);
    address.set(name, 2);
    if (libc.bind(this.#descriptor, address, address.length) !== 0) {
      throw new Error(`cannot bind ${path}`);
    }
  }

  /** The next datagram, if one is there. */
  next(): string | undefined {
    const buffer = Buffer.alloc(65_536);
    const size = BigInt(buffer.length);
    const length = Number(libc.recv(this.#descriptor, buffer, size, MSG_DONTWAIT));
    return length < 0 ? undefined : buffer.toString("utf8", 0, length);
  }

  [Symbol.dispose](): void {
    libc.close(this.#descriptor);
  }
}

export class LogSocket implements Disposable {
  readonly path: string;
  readonly #socket: DatagramSocket;
  readonly #drain: ReturnType<typeof setInterval>;
  readonly #received: LogDatagram[] = [];

  /** @param reads false plays a daemon that hangs */
  constructor(path: string, { reads = true }: { readonly reads?: boolean } = {}) {
    this.path = path;
    this.#socket = new DatagramSocket(path);
    // The queue holds 10 lines on many systems: like a daemon, this one reads all the time.
    this.#drain = setInterval(() => reads && this.lines, 5);
    this.#drain.unref();
  }

  /** Everything received so far. */
  get lines(): readonly LogDatagram[] {
    for (;;) {
      const datagram = this.#socket.next();
      if (datagram === undefined) return this.#received;
      this.#received.push(parseDatagram(datagram));
    }
  }

  /** The lines of one action. */
  of(action: string): LogDatagram[] {
    return this.lines.filter((line) => line.action === action);
  }

  /** Waits for a line of the action that fits, and returns it. */
  async seen(
    action: string,
    fits: (fields: Readonly<Record<string, string>>) => boolean = () => true,
  ): Promise<LogDatagram> {
    const find = () => this.of(action).find(({ fields }) => fits(fields));
    await until(
      () => `the log has ACTION=${action}; it has:\n${this.lines.map(({ raw }) => raw).join("\n")}`,
      () => find() !== undefined,
    );
    return find() as LogDatagram;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#drain);
    this.#socket[Symbol.dispose]();
  }
}

/** Fails on a line that is not exactly one well-formed event. */
export function parseDatagram(raw: string): LogDatagram {
  const head = /^<(\d+)>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ([\w-]+)\[(\d+)\]: (.*)$/.exec(raw);
  if (head === null) throw new Error(`not a syslog line: ${JSON.stringify(raw)}`);
  const [, priority = "", tag = "", pid = "", rest = ""] = head;
  const fields = parseFields(rest);
  const { ACTION: action = "", ...others } = fields;
  return { raw, priority: Number(priority), tag, pid: Number(pid), action, fields: others };
}

/** `KEY=value KEY="a value"`, unescaped. */
export function parseFields(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  let rest = text;
  while (rest !== "") {
    const match = /^([A-Z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"=\\]*))(?: |$)/.exec(rest);
    if (match === null) throw new Error(`not a field: ${JSON.stringify(rest)}`);
    const [whole, key = "", quoted, bare = ""] = match;
    if (key in fields) throw new Error(`${key} twice: ${JSON.stringify(text)}`);
    fields[key] = quoted === undefined ? bare : unescapeValue(quoted);
    rest = rest.slice(whole.length);
  }
  return fields;
}

function unescapeValue(text: string): string {
  return text.replace(/\\(u[0-9a-f]{4}|.)/g, (_, code: string) => {
    if (code === "n") return "\n";
    return code.startsWith("u") ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : code;
  });
}
