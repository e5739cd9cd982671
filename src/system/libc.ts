/**
 * The few calls that neither Bun nor Node offers: flock(2), pipe(2), poll(2), execve(2), sigprocmask(2),
 * setrlimit(2), waitid(2), prctl(2), pidfds by syscall(2), datagram sockets of the local family for /dev/log and
 * systemd, a connect(2) whose error is not lost, the zones of link-local addresses, and a statx(2) that creates
 * nothing except numbers. Loaded on first use. localtime_r(3) is here because a Date's local fields load the time
 * zones of the whole planet: 5 ms of a command that takes 30.
 */
import { dlopen, type FFIFunction, type Pointer } from "bun:ffi";
import { readdirSync } from "node:fs";
import { CtrlExecError } from "../core/errors.ts";

const SYMBOLS = {
  flock: { args: ["i32", "i32"], returns: "i32" },
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  close: { args: ["i32"], returns: "i32" },
  pipe: { args: ["ptr"], returns: "i32" },
  poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
  execve: { args: ["ptr", "ptr", "ptr"], returns: "i32" },
  sigprocmask: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  setrlimit: { args: ["i32", "ptr"], returns: "i32" },
  waitid: { args: ["i32", "u32", "ptr", "i32"], returns: "i32" },
  localtime_r: { args: ["ptr", "ptr"], returns: "ptr" },
  inet_pton: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  if_nametoindex: { args: ["ptr"], returns: "u32" },
  if_indextoname: { args: ["u32", "ptr"], returns: "ptr" },
  getpeername: { args: ["i32", "ptr", "ptr"], returns: "i32" },
} as const;

/** By the names that glibc and musl give them. */
const LINUX_SYMBOLS = {
  __errno_location: { args: [], returns: "ptr" },
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  getxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: "i64" },
  // For calls that musl, or a glibc before 2.36, has no function for.
  syscall: { args: ["i64", "i64", "i64", "ptr", "i64"], returns: "i64" },
} as const;

/** Missing before glibc 2.28, and on other systems than Linux. */
const STATX = {
  statx: { args: ["i32", "ptr", "i32", "u32", "ptr"], returns: "i32" },
} as const;

type Symbols<Table extends Record<string, FFIFunction>> = ReturnType<
  typeof dlopen<Table>
>["symbols"];

let loaded: Symbols<typeof SYMBOLS> | undefined;

export function libc(): Symbols<typeof SYMBOLS> {
  loaded ??= open(SYMBOLS);
  return loaded;
}

let linuxLoaded: Symbols<typeof LINUX_SYMBOLS> | undefined;

export function linux(): Symbols<typeof LINUX_SYMBOLS> {
  linuxLoaded ??= open(LINUX_SYMBOLS);
  return linuxLoaded;
}

let statxLoaded: { readonly call: Symbols<typeof STATX>["statx"] | undefined } | undefined;

/** Undefined where the C library has none. */
export function statx(): Symbols<typeof STATX>["statx"] | undefined {
  statxLoaded ??= { call: openStatx() };
  return statxLoaded.call;
}

function openStatx(): Symbols<typeof STATX>["statx"] | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    return open(STATX).statx;
  } catch {
    return undefined;
  }
}

let errnoAddress: Pointer | undefined;

/** Where errno is, on Linux. Get this before the call that may fail, because getting it is itself a call. */
export function errnoLocation(): Pointer {
  if (errnoAddress === undefined) {
    const location = linux().__errno_location();
    if (typeof location !== "number") {
      throw new CtrlExecError(
        "internal",
        "Cannot read errno: the C library does not say where it is",
      );
    }
    errnoAddress = location;
  }
  return errnoAddress;
}

function open<Table extends Record<string, FFIFunction>>(table: Table): Symbols<Table> {
  const tried: string[] = [];
  for (const name of libraryNames()) {
    try {
      return dlopen(name, table).symbols;
    } catch {
      tried.push(name);
    }
  }
  throw new CtrlExecError("internal", `Cannot load the C library: tried ${tried.join(", ")}`);
}

function libraryNames(): string[] {
  if (process.platform === "darwin") return ["libSystem.B.dylib"];
  return ["libc.so.6", ...muslNames()];
}

/** musl's library has the processor's name in its own: /lib/libc.musl-x86_64.so.1. */
function muslNames(): string[] {
  try {
    return readdirSync("/lib").filter((name) => /^libc\.musl-.*\.so\.1$/.test(name));
  } catch {
    return [];
  }
}
