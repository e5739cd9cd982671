/**
 * Executes its arguments with pidfd_open(2) failing: `<number of the error> <file> [<argument>...]`. By then the
 * process that the handle is for has started (seccomp(2); an ordinary user may with no_new_privs).
 */
import { dlopen, ptr } from "bun:ffi";

const PR_SET_SECCOMP = 22;
const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_MODE_FILTER = 2;
const PIDFD_OPEN = 434;

const { symbols: libc } = dlopen("libc.so.6", {
  prctl: { args: ["i32", "u64", "ptr", "u64", "u64"], returns: "i32" },
  execvp: { args: ["ptr", "ptr"], returns: "i32" },
});

/** One sock_filter, little-endian: what to do, where to go on, and a number. */
const instruction = (code: number, whenNot: number, k: number) => {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setUint16(0, code, true);
  bytes.setUint8(3, whenNot);
  bytes.setUint32(4, k, true);
  return new Uint8Array(bytes.buffer);
};

const [errno = "", ...command] = process.argv.slice(2);
const filter = Buffer.concat([
  instruction(0x20, 0, 0), // load the number of the call
  instruction(0x15, 1, PIDFD_OPEN), // skip the next one when it is another
  instruction(0x06, 0, 0x0005_0000 + Number(errno)), // SECCOMP_RET_ERRNO
  instruction(0x06, 0, 0x7fff_0000), // SECCOMP_RET_ALLOW
]);
const program = new BigUint64Array([4n, BigInt(ptr(filter))]);
if (libc.prctl(PR_SET_NO_NEW_PRIVS, 1, null, 0, 0) !== 0) throw new Error("no_new_privs");
if (libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) !== 0)
  throw new Error("seccomp");

const words = command.map((word) => Buffer.from(`${word}\0`));
const table = new BigUint64Array([...words.map((word) => BigInt(ptr(word))), 0n]);
libc.execvp(words[0] ?? null, table);
throw new Error(`cannot execute ${command[0]}`);
