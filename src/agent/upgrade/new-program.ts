/** From the build in the inbox to a program that root may put in place. */
import {
  chmodSync,
  closeSync,
  constants,
  createReadStream,
  createWriteStream,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { MAX_BUILD_BYTES } from "../../core/wire/limits.ts";
import { sync } from "../../system/files/files.ts";
import { runProcess } from "../../system/process/run-process.ts";
import { baseEnvironment } from "../../system/process/start-program.ts";

/** Bytes. Those of today have an eighth of it. */
const MAX_PROGRAM_BYTES = 2 ** 30;

const TRY_MS = 20_000;

/**
 * Copies the build to where nobody else can change it, and then says whose bytes they are.
 *
 * @param build an open file that others may be writing to
 * @param copy a path in root's own folder
 * @returns SHA-256, in hex
 */
export function copyBuild(build: number, copy: string): string {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  rmSync(copy, { force: true });
  const file = openSync(copy, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  try {
    const hash = new Bun.CryptoHasher("sha256");
    const piece = Buffer.alloc(1_048_576);
    for (let length = 0; ; ) {
      const read = readSync(build, piece, 0, piece.length, null);
      if (read === 0) return hash.digest("hex");
      length += read;
      if (length > MAX_BUILD_BYTES) throw new Error("the build is too long");
      hash.update(piece.subarray(0, read));
      for (let at = 0; at < read; ) at += writeSync(file, piece, at, read - at);
    }
  } finally {
    closeSync(file);
  }
}

/**
 * Unpacks a build whose checksum was the signed one.
 *
 * @param program nobody may start it yet: it is not at the path of the one in use
 * @returns SHA-256 of the program, in hex
 */
export async function unpackBuild(copy: string, program: string): Promise<string> {
  rmSync(program, { force: true });
  const hash = new Bun.CryptoHasher("sha256");
  let length = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _, done) {
      length += chunk.length;
      if (length > MAX_PROGRAM_BYTES) return done(new Error("the program is too long"));
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const into = createWriteStream(program, { flags: "wx", mode: 0o755 });
  await pipeline(createReadStream(copy), createGunzip(), counted, into);
  // Everybody starts it, whatever the umask is.
  chmodSync(program, 0o755);
  sync(program);
  return hash.digest("hex");
}

/** What a program of ours says that it is; undefined if it does not start, or says anything else. */
export async function versionOf(program: string): Promise<string | undefined> {
  const { exit, stdout } = await runProcess({
    file: program,
    args: ["--version"],
    env: baseEnvironment(),
    input: "",
    timeoutMs: TRY_MS,
    maxOutput: 4096,
  });
  const said = Buffer.concat(stdout.chunks).toString("utf8");
  return exit === 0 ? /^ctrl-exec (\S{1,255})(?: \(.*\))?\n$/.exec(said)?.[1] : undefined;
}
