/**
 * A host on loopback that answers nothing at all: its queue of connections is full, so further ones are
 * dropped.
 */
import { dlopen } from "bun:ffi";
import { readFileSync } from "node:fs";
import { until } from "./folder.ts";

const { symbols: libc } = dlopen(
  process.platform === "darwin" ? "libSystem.B.dylib" : "libc.so.6",
  {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    listen: { args: ["i32", "i32"], returns: "i32" },
    getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
    connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
    fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
    accept: { args: ["i32", "ptr", "ptr"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
  },
);

const AF_INET = 2;
const SOCK_STREAM = 1;
const F_SETFL = 4;
const O_NONBLOCK = process.platform === "darwin" ? 0x4 : 0x800;

/** More than a queue of length zero holds. */
const CALLERS = 4;

export class DeadHost implements Disposable {
  readonly port: number;
  readonly #descriptors: number[] = [];

  constructor() {
    const address = Buffer.alloc(16);
    address.writeUInt16LE(AF_INET, 0);
    address.set([127, 0, 0, 1], 4);
    const listener = this.#socket();
    if (libc.bind(listener, address, address.length) !== 0) throw new Error("cannot bind");
    if (libc.listen(listener, 0) !== 0) throw new Error("cannot listen");
    const size = new Uint32Array([address.length]);
    if (libc.getsockname(listener, address, size) !== 0) throw new Error("no port");
    this.port = address.readUInt16BE(2);
    for (let count = 0; count < CALLERS; count += 1) {
      const caller = this.#socket();
      libc.fcntl(caller, F_SETFL, O_NONBLOCK);
      libc.connect(caller, address, address.length);
    }
  }

  /** Waits until somebody has called it. */
  async called(): Promise<void> {
    const called = new RegExp(
      `^ *\\d+: \\S+ \\S+:${this.port.toString(16).toUpperCase().padStart(4, "0")} `,
      "gm",
    );
    const calls = () => readFileSync("/proc/net/tcp", "latin1").match(called)?.length ?? 0;
    await until("somebody calls", () => calls() > CALLERS);
  }

  /** Accepts whoever calls again. */
  revive(): void {
    const [listener = -1, ...callers] = this.#descriptors.splice(0);
    this.#descriptors.push(listener);
    for (const caller of callers) libc.close(caller);
    libc.fcntl(listener, F_SETFL, O_NONBLOCK);
    for (;;) {
      const taken = libc.accept(listener, null, null);
      if (taken < 0) return;
      this.#descriptors.push(taken);
    }
  }

  #socket(): number {
    const descriptor = libc.socket(AF_INET, SOCK_STREAM, 0);
    this.#descriptors.push(descriptor);
    return descriptor;
  }

  [Symbol.dispose](): void {
    for (const descriptor of this.#descriptors) libc.close(descriptor);
  }
}
